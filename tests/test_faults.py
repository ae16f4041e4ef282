"""Trainings that are killed or cannot write."""

import errno
import multiprocessing
import os
import random
import resource
import signal
import time

import pytest
import torch
from torch.utils.data import get_worker_info

from mmlt_plugin.datasets import LongTailedDataset
from mmlt_plugin.engine.atomic_backend import SUFFIX, AtomicBackend
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import run_script
from tests.engine.runs import assert_equal, final_state, make_runner

# Forks of a process with the imports, but without a gradient's threads, behind it.
FORK = multiprocessing.get_context('forkserver')
FORK.set_forkserver_preload(['tests.test_faults'])
EPOCHS = 8
FULL = 'a full disk or read-only folder: one sentence, old checkpoints whole'
SETTINGS = {
    'train_cfg.max_epochs': EPOCHS,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
    'default_hooks.checkpoint.save_best': 'shot/all',
    'train_cfg.val_interval': 2,
}


def train(work_dir, workers=0):
    """A process that trains, or resumes, until it is done or killed."""
    sync = os.fsync

    def slow_sync(descriptor):
        time.sleep(0.03)  # more of the time is spent in saving
        sync(descriptor)

    os.fsync = slow_sync
    torch.set_num_threads(1)
    # What a shell runs in the background ignores it, and so do children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = {**SETTINGS, 'train_dataloader.num_workers': workers}
    resume = (work_dir / 'last_checkpoint').exists()
    make_runner(work_dir, resume=resume, **settings).train()
    os._exit(0)


def start(work_dir, workers=0):
    process = FORK.Process(target=train, args=(work_dir, workers))
    process.start()
    return process


def wait_for_checkpoint(work_dir, process):
    while not (work_dir / 'last_checkpoint').exists():
        assert process.is_alive()
        time.sleep(0.01)


def check_checkpoints(work_dir):
    """The last and the best checkpoint are complete."""
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        epoch = torch.load(pointer.read_text(), weights_only=True)['meta']['epoch']
        assert 1 <= epoch <= EPOCHS
    for file in work_dir.glob('*.pth'):
        torch.load(file, weights_only=True)


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('whole')
    process = start(work_dir)
    process.join()
    assert process.exitcode == 0
    return final_state(work_dir, EPOCHS)


@pytest.mark.promise(
    'SIGKILL at any moment: resumed from a whole checkpoint, equal end'
)
@pytest.mark.parametrize('moment', ['anywhere', 'while saving'])
def test_killed_again_and_again(moment, tmp_path, uninterrupted, record_property):
    dice = random.Random(moment)
    kills = during_save = 0
    for _ in range(200):
        process = start(tmp_path)
        deadline = time.monotonic() + dice.uniform(0.2, 2.5)
        wait_for_save = moment == 'while saving' and kills < 12
        while process.is_alive():
            saving = any(tmp_path.glob(f'*{SUFFIX}'))
            if wait_for_save and saving and dice.random() < 0.3:
                break
            if not wait_for_save and time.monotonic() > deadline:
                break
            time.sleep(0.002)
        if kills < 12 and process.is_alive():
            process.kill()
            process.join()
            kills += 1
            during_save += any(tmp_path.glob(f'*{SUFFIX}'))
            check_checkpoints(tmp_path)
            continue
        process.join()
        if process.exitcode == 0:
            break
    record_property('faults', kills)
    record_property('runs', kills + 1)
    assert process.exitcode == 0
    assert kills >= 3
    if moment == 'while saving':
        assert during_save
    check_checkpoints(tmp_path)
    assert not list(tmp_path.glob(f'*{SUFFIX}'))
    assert_equal(final_state(tmp_path, EPOCHS), uninterrupted)


@pytest.mark.promise('SIGTERM and Ctrl-C: nothing half-written, exit code not 0')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop(number, tmp_path, uninterrupted, record_property):
    process = start(tmp_path)
    wait_for_checkpoint(tmp_path, process)
    while process.is_alive():
        os.kill(process.pid, number)  # Python loses a Ctrl-C that comes in a destructor
        process.join(timeout=0.05)
    record_property('faults', 1)
    assert process.exitcode != 0
    check_checkpoints(tmp_path)
    process = start(tmp_path)
    process.join()
    assert_equal(final_state(tmp_path, EPOCHS), uninterrupted)


def train_until_a_worker_dies(work_dir):
    """A process whose dataloader worker is killed in the second epoch."""
    get = LongTailedDataset.__getitem__

    def get_or_die(self, index):
        if get_worker_info() and (work_dir / 'last_checkpoint').exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return get(self, index)

    LongTailedDataset.__getitem__ = get_or_die
    train(work_dir, workers=1)


@pytest.mark.promise('a dataloader worker that dies ends the training with an error')
def test_killed_worker(tmp_path, record_property):
    process = FORK.Process(target=train_until_a_worker_dies, args=(tmp_path,))
    process.start()
    process.join()
    record_property('faults', 1)
    assert process.exitcode > 0
    assert not (tmp_path / 'epoch_2.pth').exists()
    check_checkpoints(tmp_path)


@pytest.mark.promise(FULL)
@pytest.mark.parametrize('after', [0, 3])
def test_full_disk(after, tmp_path, monkeypatch, record_property):
    put, calls = AtomicBackend.put, []

    def put_until_full(self, obj, filepath):
        calls.append(filepath)
        if len(calls) > after:
            # As the system does it: some of the file is written, then no more.
            monkeypatch.setattr('mmlt_plugin.engine.atomic_backend.os.fsync', full)
        put(self, obj, filepath)

    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(AtomicBackend, 'put', put_until_full)
    with pytest.raises(OSError, match='No space left'):
        make_runner(tmp_path, **SETTINGS).train()
    record_property('faults', 1)
    assert not list(tmp_path.glob(f'*{SUFFIX}'))
    check_checkpoints(tmp_path)
    monkeypatch.undo()
    make_runner(tmp_path, resume=True, **SETTINGS).train()
    assert (tmp_path / f'epoch_{EPOCHS}.pth').exists()


def train_until_full(work_dir, limit):
    """A process whose files may grow to ``limit`` bytes once it has saved twice."""
    put, calls = AtomicBackend.put, []

    def put_and_fill(self, obj, filepath):
        calls.append(filepath)
        if len(calls) == 5:  # two checkpoints and their pointers
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        put(self, obj, filepath)

    AtomicBackend.put = put_and_fill
    torch.set_num_threads(1)

    def main():
        make_runner(work_dir, **{'train_cfg.max_epochs': EPOCHS}).train()

    run_script(main)
    os._exit(0)


@pytest.mark.promise(FULL)
def test_the_system_refuses_to_write(tmp_path, record_property):
    process = FORK.Process(target=train_until_full, args=(tmp_path, 100_000))
    process.start()
    process.join()
    record_property('faults', 1)
    assert process.exitcode == 2
    assert not list(tmp_path.glob(f'*{SUFFIX}'))
    check_checkpoints(tmp_path)
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_2.pth')


@pytest.mark.promise(FULL)
@pytest.mark.parametrize('name', ['ENOSPC', 'EROFS', 'EDQUOT', 'EACCES'])
def test_the_scripts_say_it_in_one_sentence(name, capsys, record_property):
    number = getattr(errno, name)

    def main():
        raise OSError(number, os.strerror(number), 'work/epoch_1.pth')

    record_property('faults', 1)
    with pytest.raises(SystemExit) as end:
        run_script(main)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert os.strerror(number) in line
    assert 'work/epoch_1.pth' in line


@pytest.mark.parametrize(
    ('message', 'shown'),
    [
        ('image a.jpg cannot be read\n  (so it is)\n', 'image a.jpg cannot be read (so it is)'),
        ('', "ConfigError('')"),
        (
            'Caught ConfigError in DataLoader worker process 0.\nOriginal Traceback (most '
            'recent call last):\n  File "a.py", line 3\nValueError: first\n\nThe above '
            'exception was the direct cause:\n\nmmlt_plugin.errors.ConfigError: image a '
            'cannot\nbe read\n',
            'image a cannot be read',
        ),
    ],
)  # fmt: skip
def test_messages_of_several_lines(message, shown, capsys):
    def main():
        raise ConfigError(message)

    with pytest.raises(SystemExit):
        run_script(main)
    assert capsys.readouterr().err == f'error: {shown}\n'


@pytest.mark.promise('a truncated checkpoint is refused by name')
@pytest.mark.parametrize('share', [0.0, 0.3, 0.99])
def test_truncated_checkpoint(share, tmp_path, record_property):
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()
    file = tmp_path / 'epoch_1.pth'
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    record_property('faults', 1)
    with pytest.raises(ConfigError, match=r'epoch_1\.pth'):
        make_runner(tmp_path, resume=True).train()


@pytest.mark.promise('a second training in a work dir is refused')
def test_two_trainings_in_one_work_dir(tmp_path, record_property):
    process = start(tmp_path, workers=1)
    wait_for_checkpoint(tmp_path, process)
    record_property('faults', 1)
    try:
        with pytest.raises(ConfigError, match='another training runs in work_dir'):
            make_runner(tmp_path, **SETTINGS).train()
    finally:
        process.kill()
        process.join()
    # At once, though workers of the killed process may still be there.
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()


def test_upstream_still_deletes_first(tmp_path):
    """mmengine's own hook, killed while it saves, leaves no checkpoint at all."""
    settings = {**SETTINGS, 'default_hooks.checkpoint.type': 'CheckpointHook'}
    settings['default_hooks.checkpoint.rule'] = 'greater'  # which ours knows
    runner = make_runner(tmp_path, **settings)
    save, saved = runner.save_checkpoint, []

    def killed_at_the_second(*args, **kwargs):
        saved.append(1)
        if len(saved) == 2:
            raise KeyboardInterrupt
        save(*args, **kwargs)

    runner.save_checkpoint = killed_at_the_second
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert not list(tmp_path.glob('epoch_*.pth'))

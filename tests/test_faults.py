"""Trainings that are killed."""

import os
import random
import signal
import time

import pytest
from torch.utils.data import get_worker_info

from mmlt_plugin.datasets import LongTailedDataset
from mmlt_plugin.engine.atomic_backend import SUFFIX
from mmlt_plugin.errors import ConfigError
from tests.engine.runs import assert_equal, final_state, make_runner
from tests.interrupted import (
    EPOCHS,
    FORK,
    SETTINGS,
    check_checkpoints,
    start,
    train,
    wait_for_checkpoint,
)


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

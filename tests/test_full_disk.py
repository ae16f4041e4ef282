"""Trainings that cannot write."""

import errno
import os
import resource

import pytest
import torch

from mmlt_plugin.engine.atomic_backend import SUFFIX, AtomicBackend
from mmlt_plugin.scripts.entry_point import run_script
from tests.engine.runs import make_runner
from tests.interrupted import EPOCHS, FORK, SETTINGS, check_checkpoints

FULL = 'a full disk or read-only folder: one sentence, old checkpoints whole'


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

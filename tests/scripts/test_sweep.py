"""Many trainings side by side: skipped, resumed and refused ones, and their GPUs."""

import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch

from mmlt_plugin.scripts.sweep import Job, run_jobs
from tests.conftest import ROOT
from tests.engine.runs import TINY, weights


def sweep(run_tool, root, *arguments, expect=0):
    return run_tool(
        'sweep.py', '--work-dirs', root, *arguments, expect=expect, work_dir=False
    )


def test_sweep_skips_resumes_and_goes_on_after_failures(run_tool, tmp_path):
    good = 'configs/ce/resnet20_digits-lt-if32.py'
    broken = tmp_path / 'broken.py'
    broken.write_text(
        f"_base_ = '{ROOT / good}'\nmodel = dict(head=dict(num_classes=9))\n"
    )
    arguments = [
        good,
        broken,
        '--seeds',
        '0',
        '1',
        '--',
        '--cfg-options',
        *TINY,
        '--amp',
    ]
    output = sweep(run_tool, tmp_path / 'sweep', *arguments, expect=2)
    assert output.count('finished') == 2
    assert output.count('FAILED, see') == 2
    assert 'error: 2 of 4 trainings failed' in output
    work_dirs = [tmp_path / f'sweep/ce/resnet20_digits-lt-if32_seed{s}' for s in (0, 1)]
    first, second = (weights(work_dir / 'epoch_2.pth') for work_dir in work_dirs)
    assert not torch.equal(
        first['backbone.conv1.weight'], second['backbone.conv1.weight']
    )
    logs = len(list(work_dirs[0].glob('*/vis_data')))

    (work_dirs[1] / 'finished').unlink()
    (work_dirs[1] / 'epoch_2.pth').unlink()
    (work_dirs[1] / 'last_checkpoint').write_text(str(work_dirs[1] / 'epoch_1.pth'))
    del arguments[1]
    sweep(run_tool, tmp_path / 'sweep', *arguments)
    assert len(list(work_dirs[0].glob('*/vis_data'))) == logs, 'finished: skipped'
    resumed = (work_dirs[1] / 'output.log').read_text().split('resumed epoch')[-1]
    assert 'Epoch(train) [1]' not in resumed
    # Other settings do not pass for these, nor go on from them.
    output = sweep(run_tool, tmp_path / 'sweep', *arguments, '--in-memory', expect=2)
    assert 'holds a training of' in output
    assert not (work_dirs[0] / 'epoch_3.pth').exists()


def test_interrupted_sweeps_start_nothing_new(tmp_path, monkeypatch):
    started = []

    def interrupted(job, children, threads, gpu):
        started.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, 'run', interrupted)
    jobs = [Job('a.py', str(tmp_path / str(i))) for i in range(9)]
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, at_once=1)
    assert len(started) < 4


def test_a_terminated_sweep_ends_its_trainings(tmp_path):
    """Otherwise their work dirs would still be in use at the next start."""
    command = [
        sys.executable, 'tools/sweep.py', 'configs/ce/resnet20_digits-lt-if32.py',
        '--seeds', '0', '1', '--work-dirs', tmp_path, '--', '--cfg-options',
        'model.backbone.depth=8', 'train_cfg.max_epochs=1000',
    ]  # fmt: skip
    first, second = (tmp_path / f'ce/resnet20_digits-lt-if32_seed{s}' for s in (0, 1))
    with subprocess.Popen(command, cwd=ROOT) as process:
        wait_for(lambda: 'Epoch(train)' in read(first / 'output.log'))
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    written = read(first / 'output.log')
    time.sleep(1)
    assert read(first / 'output.log') == written, 'it trains on'
    assert not (first / 'finished').exists()
    assert not second.exists(), 'nothing new starts'


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def read(file):
    return file.read_text() if file.exists() else ''


def test_trainings_are_spread_over_the_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5')
    at_work, most = Counter(), Counter()

    def work(job, children, threads, gpu):
        at_work[gpu] += 1
        most[gpu] = max(most[gpu], at_work[gpu])
        time.sleep(0.02)
        at_work[gpu] -= 1
        return True

    monkeypatch.setattr(Job, 'run', work)
    jobs = [Job('a.py', str(tmp_path / str(i))) for i in range(20)]
    assert run_jobs(jobs, at_once=4) == []
    assert most == {'3': 2, '5': 2}


@pytest.mark.parametrize('config', ['ce/a.py', 'a.py', '../ce/a.py'])
def test_work_dirs_are_named_by_method_and_config(config, tmp_path, monkeypatch):
    from tools.sweep import make_jobs

    (tmp_path / 'ce').mkdir()
    monkeypatch.chdir(tmp_path if config.startswith('ce') else tmp_path / 'ce')
    (job,) = make_jobs([config], [3], tmp_path / 'all', [])
    assert job.work_dir == str(tmp_path / 'all/ce/a_seed3')

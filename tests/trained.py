"""Fixtures: trainings by the scripts, which several files of tests look at."""

import os

import pytest

from mmlt_plugin.scripts.sweep import Job, run_jobs
from tests.documented import ROOT
from tests.engine.runs import TINY

METHODS = ('ce', 'reslt', 'bbn')


@pytest.fixture(scope='session')
def trained(zygote, tmp_path_factory):
    """Work dirs of two epochs of each method on the digits."""
    root = tmp_path_factory.mktemp('trained')
    for method in METHODS:
        command = [
            f'{ROOT}/tools/train.py', f'configs/{method}/resnet20_digits-lt-if32.py',
            '--work-dir', f'{root}/{method}', '--cfg-options',
            *([] if method == 'bbn' else ['model.backbone.depth=8']),
            'train_cfg.max_epochs=2', 'train_cfg.val_interval=1',
            'default_hooks.checkpoint.interval=1', 'default_hooks.logger.interval=5',
        ]  # fmt: skip
        env = {**os.environ, 'OMP_NUM_THREADS': '1'}
        log = root / f'{method}.txt'
        code = zygote.run(command, str(ROOT), env, str(log), timeout=300)
        assert code == 0, log.read_text()[-4000:]
    return root


@pytest.fixture(scope='session')
def first_stage(tmp_path_factory):
    """Work dir of two epochs of CE on the digits."""
    work_dir = tmp_path_factory.mktemp('first') / 'stage'
    config = ROOT / 'configs/ce/resnet20_digits-lt-if32.py'
    assert not run_jobs(
        [Job(str(config), str(work_dir), ('--cfg-options', *TINY))], at_once=1
    )
    return work_dir

"""The scripts as users run them, on the digits."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mmengine
import pytest
import torch
from mmengine.config import Config

from mmlt_plugin.scripts.run_log import last_checkpoint
from tests.conftest import ROOT

CONFIG = 'configs/reslt/resnet20_digits-lt-if32.py'
SMALL = [
    'model.backbone.depth=8',
    'train_cfg.max_epochs=2',
    'default_hooks.checkpoint.interval=1',
]
COUNTS = [128, 88, 60, 40, 27, 18, 12, 8, 5, 4]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A work dir after two epochs, and what the training printed."""
    work_dir = tmp_path_factory.mktemp('trained')
    command = [sys.executable, 'tools/train.py', CONFIG, '--work-dir', str(work_dir)]
    done = subprocess.run(
        [*command, '--cfg-options', *SMALL], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return work_dir, done.stdout + done.stderr


def shot_metrics(output, epoch='test'):
    """The metrics of the last evaluation that the log shows."""
    line = [line for line in output.splitlines() if f'Epoch({epoch})' in line][-1]
    found = {k: float(v) for k, v in re.findall(r'(shot/\w+): ([\d.]+)', line)}
    assert found, output[-2000:]
    return found


@pytest.mark.smoke
def test_checkpoint_is_plain_data_with_the_class_counts(trained):
    work_dir, _ = trained
    checkpoint = torch.load(work_dir / 'epoch_2.pth', weights_only=True)
    assert checkpoint['meta']['class_counts'] == COUNTS
    assert (work_dir / 'resnet20_digits-lt-if32.py').exists()


@pytest.mark.smoke
def test_testing_needs_no_training_data(trained, run_tool, tmp_path):
    work_dir, output = trained
    metrics_file = tmp_path / 'metrics.json'
    tested = run_tool(
        'test.py', CONFIG, work_dir / 'epoch_2.pth',
        '--out', metrics_file, '--out-item', 'metrics',
        '--cfg-options', 'model.backbone.depth=8',
        'train_dataloader.dataset.dataset.type=NoSuchDataset',
        'train_dataloader.dataset.dataset.data_root=no/such/folder',
    )  # fmt: skip
    assert shot_metrics(tested) == shot_metrics(output, 'val')
    assert set(shot_metrics(tested)) == {f'shot/{k}' for k in ('all', 'many', 'medium', 'few', 'micro')}  # fmt: skip
    assert json.loads(metrics_file.read_text())['shot/all'] == pytest.approx(
        shot_metrics(tested)['shot/all'], abs=1e-3
    )


@pytest.mark.smoke
def test_resume_goes_on(trained, run_tool, tmp_path):
    work_dir = tmp_path / 'resumed'
    shutil.copytree(trained[0], work_dir)
    options = [*SMALL, 'train_cfg.max_epochs=3']
    output = run_tool(
        'train.py', CONFIG, '--resume', '--cfg-options', *options, work_dir=work_dir
    )
    assert 'Epoch(train) [3]' in output
    assert 'Epoch(train) [2]' not in output
    assert f'Load checkpoint from {work_dir}/epoch_2.pth' in output
    assert (work_dir / 'epoch_3.pth').exists()
    assert Config.fromfile(work_dir / Path(CONFIG).name).load_from is None
    anew = run_tool(
        'train.py',
        CONFIG,
        '--resume',
        '--cfg-options',
        *SMALL,
        'train_cfg.max_epochs=1',
    )
    assert 'nothing to resume in' in anew


def test_a_copied_work_dir_goes_on_by_itself(trained, tmp_path):
    """``last_checkpoint`` has the old path; the copy next to it is used."""
    copy = tmp_path / 'copy'
    shutil.copytree(trained[0], copy)
    (copy / 'epoch_2.pth').rename(copy / 'elsewhere.pth')
    assert last_checkpoint(copy) == trained[0] / 'epoch_2.pth'
    (copy / 'elsewhere.pth').rename(copy / 'epoch_2.pth')
    assert last_checkpoint(copy) == copy / 'epoch_2.pth'
    assert last_checkpoint(tmp_path) is None


def test_load_from_starts_anew(trained, run_tool):
    output = run_tool(
        'train.py', CONFIG, '--cfg-options', *SMALL, 'train_cfg.max_epochs=1',
        f'load_from={trained[0] / "epoch_2.pth"}',
    )  # fmt: skip
    assert 'Load checkpoint from' in output
    assert 'Epoch(train) [1]' in output


def test_options_of_both_scripts(trained, run_tool, tmp_path):
    predictions = tmp_path / 'predictions.pkl'
    tested = run_tool(
        'test.py', CONFIG, trained[0] / 'epoch_2.pth', '--tta', '--no-pin-memory',
        '--out', predictions, '--cfg-options', 'model.backbone.depth=8',
    )  # fmt: skip
    assert len(mmengine.load(predictions)) == 500
    plain = shot_metrics(trained[1], 'val')['shot/all']
    # Mirrored digits are no digits, but the weights are the trained ones.
    assert shot_metrics(tested)['shot/all'] > 0.4 * plain
    output = run_tool(
        'train.py', CONFIG, '--no-validate', '--auto-scale-lr', '--no-persistent-workers',
        '--cfg-options', *SMALL, 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=64',
        'train_dataloader.num_workers=1',
    )  # fmt: skip
    assert 'Epoch(val)' not in output
    assert 'Scaling the original LR by 2' in output


def test_two_processes_without_a_gpu(trained, run_tool, monkeypatch, tmp_path):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('PORT', '29617')
    options = [*SMALL, 'train_cfg.max_epochs=1', 'train_dataloader.batch_size=16']
    output = run_tool('dist_train.sh', CONFIG, 2, '--cfg-options', *options)
    assert 'Distributed launcher: pytorch' in output
    found = shot_metrics(output, 'val')
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    depth = ['--cfg-options', 'model.backbone.depth=8']
    by_two = run_tool('dist_test.sh', CONFIG, checkpoint, 2, *depth)
    alone = run_tool('test.py', CONFIG, checkpoint, *depth)
    assert shot_metrics(alone) == shot_metrics(by_two) == found
    assert torch.load(checkpoint, weights_only=True)['meta']['class_counts'] == COUNTS


def test_mixup_ema_and_the_best_checkpoint(run_tool, tmp_path):
    """Soft labels, averaged weights and save_best work together with ResLT."""
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = '{ROOT / CONFIG}'
model = dict(backbone=dict(depth=8), train_cfg=dict(augments=[
    dict(type='Mixup', alpha=1.0), dict(type='CutMix', alpha=1.0)]))
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
default_hooks = dict(checkpoint=dict(interval=1, save_best='shot/all'))
train_cfg = dict(max_epochs=2, val_interval=1)
""")
    trained = run_tool('train.py', config)
    assert re.search(r'loss_branch: \d', trained)
    best = next((tmp_path / 'work').glob('best_shot_all_epoch_*.pth'))
    tested = run_tool('test.py', config, best)
    epoch = int(best.stem[-1])
    validated = re.findall(r'Epoch\(val\) \[(\d)\].*shot/all: ([\d.]+)', trained)
    assert shot_metrics(tested)['shot/all'] == float(dict(validated)[str(epoch)])


def logged_alphas(output):
    return re.findall(r'Epoch\(train\) \[(\d)\].* alpha: ([\d.]+)', output)


def test_bbn_resumes_with_the_same_alpha(run_tool, tmp_path):
    config = 'configs/bbn/resnet20_digits-lt-if32.py'
    options = [
        '--cfg-options', 'model.backbone.backbone.depth=14', 'model.neck.backbone.depth=14',
        'default_hooks.checkpoint.interval=1', 'train_cfg.max_epochs=4',
    ]  # fmt: skip
    whole = run_tool('train.py', config, *options, work_dir=tmp_path / 'whole')
    alphas = logged_alphas(whole)
    assert alphas == [
        ('1', '1.0000'),
        ('2', '0.9375'),
        ('3', '0.7500'),
        ('4', '0.4375'),
    ]
    shutil.copytree(tmp_path / 'whole', tmp_path / 'part')
    checkpoint = tmp_path / 'part' / 'epoch_4.pth'
    early = tmp_path / 'epoch_2.pth'
    run_tool(
        'train.py', config, *options, 'train_cfg.val_interval=9',
        'default_hooks.checkpoint.max_keep_ckpts=9', work_dir=tmp_path / 'part',
    )  # fmt: skip
    shutil.copy(tmp_path / 'part' / 'epoch_2.pth', early)
    resumed = run_tool(
        'train.py', config, '--resume', early, *options, work_dir=tmp_path / 'resumed'
    )
    assert logged_alphas(resumed) == alphas[2:]
    assert checkpoint.exists()


def test_slurm_scripts_call_srun(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    srun.chmod(0o755)
    done = subprocess.run(
        [ROOT / 'tools' / 'slurm_train.sh', 'gpu', 'job', 'a.py', '--work-dir', 'a b'],
        env={'PATH': f'{tmp_path}:/usr/bin:/bin', 'GPUS': '4', 'SRUN_ARGS': '-x n1 -q'},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = done.stdout.splitlines()
    assert words[:3] == ['-p', 'gpu', '--job-name=job']
    assert {'--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4'} < set(words)
    script = next(i for i, word in enumerate(words) if word.endswith('train.py'))
    assert words[script + 1 :] == ['a.py', '--work-dir', 'a b', '--launcher', 'slurm']
    assert words[script - 5 :][:3] == ['-x', 'n1', '-q']


def test_usage_of_the_shell_scripts():
    for script in ('dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh'):
        done = subprocess.run([ROOT / 'tools' / script], capture_output=True, text=True)
        assert done.returncode == 2
        assert f'tools/{script} ' in done.stderr


def test_an_environment_of_another_python_is_seen(tmp_path):
    from tools.make_env import version_of

    assert version_of(tmp_path) is None
    python = tmp_path / 'bin' / 'python'
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert version_of(tmp_path) == sys.version
    python.unlink()
    python.symlink_to(tmp_path / 'gone')
    assert version_of(tmp_path) == ''

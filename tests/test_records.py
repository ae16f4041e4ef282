"""Results files of trainings."""

import json
import shutil

import config_results
import pytest
import record
import torch
from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.run_log import curve, training_seconds
from tests.conftest import ROOT


def test_seconds_of_a_training_that_goes_on_from_another(tmp_path):
    """Its log begins in epoch 161 of 97 iterations each, half a second every one."""
    log = tmp_path / '20260101_000000/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    lines = [
        dict(loss=1.0, time=0.5, epoch=epoch, step=97 * (epoch - 1) + 50)
        for epoch in range(161, 201)
    ]
    log.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    assert training_seconds(tmp_path) == pytest.approx(39.5 * 97 / 2, abs=97 / 2)


def test_record(trained, run_tool, tmp_path):
    run_tool(
        'analysis/record.py', trained / 'reslt', '--results', tmp_path, work_dir=False
    )
    (file,) = (tmp_path / 'reslt').iterdir()
    run = json.loads(file.read_text())
    # Fewer epochs are another training: it must not get into the tables.
    changes = ['model.backbone.depth=8', 'train_cfg.max_epochs=2']
    assert run['other_settings'] == changes
    assert file.stem.startswith('resnet20_digits-lt-if32_seed0_')
    assert run['remake'].startswith(
        'python tools/train.py configs/reslt/resnet20_digits-lt-if32.py --cfg-options '
        'model.backbone.depth=8 train_cfg.max_epochs=2 train_cfg.val_interval=1'
    )
    assert run['class_counts'] == [128, 88, 60, 40, 27, 18, 12, 8, 5, 4]
    accuracies = curve(trained / 'reslt', 'shot/all')
    assert [(e['epoch'], e['all']) for e in run['curve']] == [
        (epoch, round(value, 4)) for epoch, value in accuracies.items()
    ]
    assert run['last'] == run['curve'][-1]
    assert run['best']['all'] == max(round(v, 4) for v in accuracies.values())
    assert run['complete']
    (log,) = (trained / 'reslt').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    seconds, previous = 0.0, 0
    for line in lines:
        if 'loss' in line:  # logged every five iterations of an epoch's twelve
            seconds += line['time'] * (line['step'] - previous)
            previous = line['step']
    assert previous > 12
    assert training_seconds(trained / 'reslt') == pytest.approx(seconds)
    assert seconds > 0
    assert run['training_seconds'] == round(seconds)
    (start,) = run['starts']
    assert start['ranks'] == 1
    assert start['command'][:4] == [
        'tools/train.py', 'configs/reslt/resnet20_digits-lt-if32.py', '--work-dir', 'reslt',
    ]  # fmt: skip
    assert start['versions']['torch'] == torch.__version__


def test_no_record_is_overwritten_by_another_training(trained, tmp_path):
    file = record.record(trained / 'ce', tmp_path)
    before = file.read_text()
    assert record.record(trained / 'ce', tmp_path) == file, 'the same, a longer one too'
    other = json.loads(before)
    other['starts'][0]['time'] = '2020-02-20T20:20:20'
    file.write_text(json.dumps(other))
    with pytest.raises(ConfigError, match='began at 2020-02-20T20:20:20: remove it'):
        record.record(trained / 'ce', tmp_path)
    assert json.loads(file.read_text()) == other


def test_no_test_takes_the_place_of_a_training(trained, tmp_path):
    file = record.record(trained / 'ce', tmp_path / 'results')
    before = file.read_text()
    told = dict(file='work/epoch_2.pth', seed=0, epoch=2, class_counts=[2, 1])
    (start,) = json.loads(before)['starts']
    line = dict(start, checkpoint=told, metrics={'shot/all': 12.0}, time='now')
    line['command'][0] = 'tools/test.py'
    (tmp_path / 'tests.jsonl').write_text(json.dumps(line))
    with pytest.raises(ConfigError, match='is of the training that began at'):
        record.record(tmp_path, tmp_path / 'results')
    assert file.read_text() == before


@pytest.mark.parametrize(('epoch', 'complete'), [(2, False), (40, True)])
def test_a_test_counts_if_its_checkpoint_is_the_last(epoch, complete, tmp_path):
    told = dict(file='work/epoch.pth', seed=0, epoch=epoch, class_counts=[2, 1])
    line = dict(
        config='configs/ce/resnet20_digits-lt-if32.py', command=['tools/test.py'],
        checkpoint=told, metrics={'shot/all': 12.0}, time='now',
    )  # fmt: skip
    (tmp_path / 'tests.jsonl').write_text(json.dumps(line))
    assert record.test(tmp_path)['complete'] == complete
    told['seed'] = None  # a converted checkpoint
    (tmp_path / 'tests.jsonl').write_text(json.dumps(line))
    with pytest.raises(ConfigError, match=r'work/epoch.pth does not say its seed'):
        record.test(tmp_path)


def test_a_config_that_has_changed_since(trained):
    run = record.training(trained / 'ce')
    cfg = Config.fromfile(ROOT / run['config'])
    cfg.model.backbone.depth = 8  # as on the command line
    assert config_results.differences(run, cfg) == []
    cfg.param_scheduler[1].milestones = [31, 36]
    assert config_results.differences(run, cfg) == [
        'param_scheduler.1.milestones.0: 30 -> 31'
    ]
    del run['recipe']  # a test's
    assert config_results.differences(run, cfg) == []


def test_a_work_dir_of_two_configs_is_no_record(trained, run_tool, tmp_path):
    mixed = tmp_path / 'mixed'
    shutil.copytree(trained / 'reslt', mixed)
    lines = [(trained / m / 'provenance.jsonl').read_text() for m in ('ce', 'reslt')]
    (mixed / 'provenance.jsonl').write_text(''.join(lines))
    output = run_tool(
        'analysis/record.py', mixed, '--results', tmp_path / 'results', work_dir=False,
        expect=2,
    )  # fmt: skip
    assert 'configs/ce/resnet20_digits-lt-if32.py and configs/reslt/' in output
    assert not (tmp_path / 'results').exists()


def test_where_experts_lie_changes_no_numbers():
    command = ['t.py', 'a.py', 'default_hooks.experts.checkpoints=[a.pth]']
    other = 'default_hooks.experts.threshold=0.5'
    found = record.origin('a.py', [dict(command=[*command, other])], 't.py')
    assert found['other_settings'] == [other]


def test_a_run_resumed_by_its_own_copy_of_the_config(trained, tmp_path):
    copy = tmp_path / 'reslt'
    shutil.copytree(trained / 'reslt', copy)
    (line,) = (copy / 'provenance.jsonl').read_text().splitlines()
    again = dict(
        config='work_dirs/reslt/resnet20.py',
        command=['tools/train.py', 'work_dirs/reslt/resnet20.py', '--resume'],
    )
    own = json.dumps({**json.loads(line), **again})
    (copy / 'provenance.jsonl').write_text(f'{line}\n{own}\n')
    run = record.training(copy)
    assert run['config'] == 'configs/reslt/resnet20_digits-lt-if32.py'
    assert len(run['starts']) == 2
    # What the first start changed is in the copy.
    alone = record.training(trained / 'reslt')
    for key in ('overrides', 'other_settings', 'remake'):
        assert run[key] == alone[key]
    assert 'train_cfg.max_epochs=2' in run['other_settings']


def test_test_time_augmentation_is_another_setting():
    command = ['tools/test.py', 'a.py', 'b.pth', '--tta', '--amp']
    assert record.overrides(command) == ['--tta', '--amp']
    found = record.origin(
        'configs/ce/a.py', [dict(command=command)], 'tools/test.py', ['b.pth']
    )
    assert found['other_settings'] == ['--tta']
    assert found['remake'] == 'python tools/test.py configs/ce/a.py b.pth --tta --amp'


def test_a_results_file_names_no_folder_of_the_machine():
    here, shown = record.ROOT, record.without_machine
    assert shown(f'{here}/configs/a.py') == 'configs/a.py'
    assert shown(f'load_from={here}/b/c.pth') == 'load_from=b/c.pth'
    assert shown('load_from=/elsewhere/c.pth') == 'load_from=c.pth'
    assert shown('train_cfg.max_epochs=3') == 'train_cfg.max_epochs=3'


def test_flags_with_and_without_values():
    for line, expected in (
        ('--amp-dtype bfloat16', ['--amp-dtype=bfloat16']),
        ('--compile reduce-overhead --amp', ['--compile=reduce-overhead', '--amp']),
        ('--compile --cfg-options a.b=1', ['a.b=1', '--compile']),
        ('--compile=default', ['--compile=default']),
    ):
        assert record.overrides(['tools/train.py', 'a.py', *line.split()]) == expected


@pytest.mark.parametrize(
    ('ranks', 'batch_size', 'accumulated', 'other'),
    [
        (4, 64, 1, []),
        (1, 256, 1, []),
        (1, 64, 4, []),
        (1, 64, 1, ['64 images a step instead of 256']),
        (8, 64, 1, ['512 images a step instead of 256']),
    ],
)
def test_devices_may_share_a_step_in_any_way(ranks, batch_size, accumulated, other):
    cfg = Config.fromfile(ROOT / 'configs/reslt/resnext50_imagenet-lt.py')
    now = record.recipe(cfg.to_dict())
    changed = f'train_dataloader.batch_size={batch_size}'
    cfg.train_dataloader.batch_size = batch_size
    cfg.optim_wrapper.accumulative_counts = accumulated
    run = dict(recipe=record.recipe(cfg.to_dict()), other_settings=[changed])
    record.share_of_devices(cfg, ranks, run)
    assert run['other_settings'] == (other and [changed, *other])
    if not other:
        cfg = Config.fromfile(ROOT / 'configs/reslt/resnext50_imagenet-lt.py')
        assert config_results.differences(run, cfg) == []
        assert run['recipe'].keys() | {'train_dataloader.batch_size'} == now.keys()
    start = dict(command=['tools/train.py', 'a.py', '--amp'], ranks=ranks)
    remake = record.origin('a.py', [start], 'tools/train.py')['remake']
    alone = 'python tools/train.py a.py --amp'
    assert remake == (f'tools/dist_train.sh a.py {ranks} --amp' if ranks > 1 else alone)

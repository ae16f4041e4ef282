"""Records and pictures of the scripts in tools/analysis."""

import html
import json
import os
import shutil
from xml.etree import ElementTree

import config_results
import mmengine
import numpy as np
import plot_confusion
import plot_training
import plot_weight_norms
import pytest
import record
import torch
from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.run_log import curve, training_seconds
from tests.conftest import ROOT

METHODS = ('ce', 'reslt', 'bbn')


@pytest.fixture(scope='module')
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


@pytest.fixture
def draw(run_tool, tmp_path):
    """Run a script that draws, and return the words in its SVG."""

    def run(script, *arguments, before=()):
        out = tmp_path / 'pictures' / 'picture.png'
        run_tool(f'analysis/{script}', *before, out, *arguments, work_dir=False)
        assert out.stat().st_size > 5000
        svg = out.with_suffix('.svg').read_text()
        ElementTree.fromstring(svg)
        return html.unescape(svg)

    return run


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
    found = record.origin(dict(config='a.py', command=[*command, other]), 't.py', [])
    assert found['other_settings'] == [other]


def test_a_run_resumed_by_its_own_copy_of_the_config(trained, tmp_path):
    copy = tmp_path / 'reslt'
    shutil.copytree(trained / 'reslt', copy)
    (line,) = (copy / 'provenance.jsonl').read_text().splitlines()
    own = json.dumps({**json.loads(line), 'config': 'work_dirs/reslt/resnet20.py'})
    (copy / 'provenance.jsonl').write_text(f'{line}\n{own}\n')
    run = record.training(copy)
    assert run['config'] == 'configs/reslt/resnet20_digits-lt-if32.py'
    assert len(run['starts']) == 2


def test_test_time_augmentation_is_another_setting():
    command = ['tools/test.py', 'a.py', 'b.pth', '--tta', '--amp']
    assert record.overrides(command) == ['--tta', '--amp']
    start = dict(config='configs/ce/a.py', command=command)
    found = record.origin(start, 'tools/test.py', ['b.pth'])
    assert found['other_settings'] == ['--tta']
    assert found['remake'] == 'python tools/test.py configs/ce/a.py b.pth --tta --amp'


def test_class_distribution(draw):
    svg = draw('plot_class_distribution.py', 'configs/reslt/resnet20_digits-lt-if32.py')
    for words in ('group 3', '390 images', 'many-shot > 50', 'few-shot < 15'):
        assert words in svg


def test_weight_norms(trained, draw):
    runs = [f'{m}={trained / m}/epoch_2.pth' for m in METHODS]
    svg = draw('plot_weight_norms.py', *runs)
    for method in METHODS:
        state = torch.load(trained / method / 'epoch_2.pth', weights_only=True)
        weight = state['state_dict']['head.fc.weight'].double()
        found = plot_weight_norms.weight_norms(str(trained / method / 'epoch_2.pth'))
        half = weight.shape[1] // 2
        parts = {'': weight}
        if method == 'bbn':
            parts = {'-CB': weight[:, :half], '-RB': weight[:, half:], '-ALL': weight}
        assert found.keys() == parts.keys()
        for suffix, part in parts.items():
            naive = [sum(float(x) ** 2 for x in row) ** 0.5 for row in part]
            assert found[suffix] == pytest.approx(naive)
            assert f'{method}{suffix} (std {np.std(naive):.3f})' in svg


def test_training(trained, draw):
    svg = draw('plot_training.py', *(f'{m}={trained / m}' for m in METHODS))
    assert 'shot/medium' in svg
    svg = draw(
        'plot_training.py', f'BBN={trained / "bbn"}',
        '--values', 'alpha,loss_conventional', 'loss',
    )  # fmt: skip
    assert 'BBN alpha' in svg
    assert curve(trained / 'bbn', 'alpha') == {1: 1.0, 2: 0.75}
    (log,) = (trained / 'ce').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [line['loss'] for line in lines if line.get('epoch') == 2]
    assert len(losses) > 1
    assert curve(trained / 'ce', 'loss')[2] == pytest.approx(np.mean(losses))
    assert set(curve(trained / 'ce', 'shot/few')) == {1, 2}
    with pytest.raises(ConfigError, match='no_such_value'):
        plot_training.mean_curve([str(trained / 'ce')], 'no_such_value')


def test_curves_for_tensorboard(trained):
    """Many-, medium- and few-shot curves need no setting."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = {file.parent for file in (trained / 'ce').rglob('events.out.*')}
    events = EventAccumulator(str(folder)).Reload()
    for split, expected in curve(trained / 'ce', 'shot/many').items():
        values = {e.step: e.value for e in events.Scalars('shot/many')}
        assert values[split] == pytest.approx(expected, abs=1e-4)
    assert {'shot/medium', 'shot/few', 'loss', 'lr'} <= set(events.Tags()['scalars'])


def test_confusion(trained, run_tool, draw, tmp_path):
    files = []
    for method in ('ce', 'reslt'):
        checkpoint = trained / method / 'epoch_2.pth'
        files.append(tmp_path / f'{method}.pkl')
        run_tool(
            'test.py', f'configs/{method}/resnet20_digits-lt-if32.py', checkpoint,
            '--out', files[-1], '--cfg-options', 'model.backbone.depth=8',
        )  # fmt: skip
    matrix = plot_confusion.confusion(str(files[0]), 10)
    assert matrix.sum(1) == pytest.approx(100)
    accuracy = curve(trained / 'ce', 'shot/all')[2]
    assert matrix.diagonal().mean() == pytest.approx(accuracy, abs=1e-3)
    splits = [np.array([0, 1, 2]), np.array([3, 4, 5, 6, 7, 8, 9])]
    shares = plot_confusion.between_splits(matrix, splits)
    naive = np.mean([sum(matrix[t, p] for p in splits[1]) for t in splits[0]])
    assert shares[0, 1] == pytest.approx(naive)
    assert shares.sum(1) == pytest.approx(100)
    rare = [dict(gt_label=[c], pred_label=[c]) for c in (0, 2, 2)]
    mmengine.dump(rare, tmp_path / 'rare.pkl')
    matrix = plot_confusion.confusion(str(tmp_path / 'rare.pkl'), 3)
    assert np.nanmean(matrix.diagonal()) == 100  # the second class was not tested
    splits = [np.array([0, 1]), np.array([2])]
    assert plot_confusion.between_splits(matrix, splits).tolist() == [
        [100, 0],
        [0, 100],
    ]
    runs = [f'CE={files[0]}', f'ResLT={files[1]}']
    svg = draw('plot_confusion.py', *runs, before=[trained / 'ce/epoch_2.pth'])
    assert f'CE: {accuracy:.1f}' in svg


def test_accuracy_against_a_setting(draw, tmp_path):
    """ResLT Fig. 6: two seeds of one alpha, one of another, another data set."""
    files = []
    for number, (config, alpha, complete, accuracy) in enumerate([
        ('cifar100-lt-if50_alpha-0.9', 0.9, True, 40.0),
        ('cifar100-lt-if50_alpha-0.9', 0.9, True, 42.0),
        ('cifar100-lt-if50', 0.75, True, 45.0),
        ('cifar10-lt-if50_alpha-0.99', 0.99, True, 80.0),
        ('cifar10-lt-if50_alpha-0.999', 0.999, False, 10.0),
    ]):  # fmt: skip
        run = dict(
            config=f'configs/reslt/resnet32_{config}.py', complete=complete,
            recipe={'model.head.loss.alpha': alpha}, last=dict(all=accuracy),
        )  # fmt: skip
        files.append(tmp_path / f'{number}.json')
        files[-1].write_text(json.dumps(run))
    svg = draw('plot_setting.py', 'model.head.loss.alpha', *files)
    assert 'cifar100-lt-if50' in svg
    assert 'cifar10-lt-if50' in svg


def test_what_cannot_be_drawn(run_tool, trained, tmp_path):
    out = tmp_path / 'picture.png'
    shutil.copy(trained / 'ce/epoch_2.pth', tmp_path / 'a.pth')
    for arguments, message in [
        (['plot_weight_norms.py', out, f'{tmp_path}/a.pth'], 'NAME=FILE'),
        (['plot_weight_norms.py', out, 'CE=none.pth'], 'none.pth: there is no such file'),
        (['plot_weight_norms.py', out, *[f'CE={tmp_path}/a.pth'] * 2], 'has 2 files: give each its own name'),
        (['plot_training.py', out, f'CE={tmp_path}'], 'logged no'),
        (['plot_setting.py', out, 'a.key', tmp_path / 'none.json'], 'error: '),
    ]:  # fmt: skip
        output = run_tool(
            f'analysis/{arguments[0]}', *arguments[1:], work_dir=False, expect=2
        )
        assert message in output
    assert not out.exists()


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
    start = dict(
        config='a.py', command=['tools/train.py', 'a.py', '--amp'], ranks=ranks
    )
    remake = record.origin(start, 'tools/train.py', [])['remake']
    alone = 'python tools/train.py a.py --amp'
    assert remake == (f'tools/dist_train.sh a.py {ranks} --amp' if ranks > 1 else alone)

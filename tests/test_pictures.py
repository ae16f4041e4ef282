"""Pictures that the scripts in tools/analysis draw."""

import html
import json
import shutil
from xml.etree import ElementTree

import mmengine
import numpy as np
import plot_confusion
import plot_training
import plot_weight_norms
import pytest
import torch

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.run_log import curve
from tests.trained import METHODS


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

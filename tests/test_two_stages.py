"""Second stages by the scripts, on the digits."""

import json
import re

import pytest
import torch
from mmengine.fileio import load
from mmpretrain.models import LinearClsHead

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LogitAdjustedHead
from mmlt_plugin.scripts.run_log import read_lines
from tests.conftest import ROOT
from tests.engine.runs import TINY, make_runner, weights

BASE = f"_base_ = '{ROOT}/configs/ce/resnet20_digits-lt-if32.py'\n"
STAGE2 = """
model = dict(type='DecoupledClassifier', {model})
train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh={fresh}))
"""
CONFIGS = dict(
    crt=BASE + STAGE2.format(model='', fresh=['head']),
    lws=BASE
    + STAGE2.format(
        model="trainable=['head.scales'], head=dict(type='LWSHead')", fresh=[]
    ),
    ncm=BASE
    + """
model = dict(head=dict(type='NCMHead'))
default_hooks = dict(class_means=dict(type='ClassMeansHook'))
""",
    post_hoc=BASE + "model = dict(head=dict(type='LogitAdjustedHead'))",
)


@pytest.fixture(scope='module')
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('configs')
    for name, text in CONFIGS.items():
        (folder / f'{name}.py').write_text(text)
    return folder


@pytest.mark.parametrize('method', ['crt', 'lws'])
def test_second_stage(configs, first_stage, run_tool, tmp_path, method):
    features = first_stage / 'epoch_2.pth'
    output = run_tool(
        'train.py', configs / f'{method}.py', '--resume', '--cfg-options', *TINY,
        f'load_from={features}',
    )  # fmt: skip
    assert 'shot/few' in output
    before, after = weights(features), weights(tmp_path / 'work/epoch_2.pth')
    for name, value in before.items():
        if name.startswith('backbone') or method == 'lws':
            assert torch.equal(value, after[name]), name
    if method == 'lws':
        assert not torch.equal(after['head.scales'], torch.ones(10))
    else:
        assert not torch.allclose(before['head.fc.weight'], after['head.fc.weight'])
    checkpoint = torch.load(tmp_path / 'work/epoch_2.pth', weights_only=True)
    momenta = checkpoint['optimizer']['state']
    assert len(momenta) == (1 if method == 'lws' else 2), 'frozen ones have none'
    resumed = run_tool(
        'train.py', configs / f'{method}.py', '--resume', '--cfg-options', *TINY,
        f'load_from={features}', 'train_cfg.max_epochs=3',
    )  # fmt: skip
    assert 'Epoch(train) [3]' in resumed
    assert 'Epoch(train) [1]' not in resumed


def test_second_stage_wants_a_first(configs, run_tool, tmp_path):
    output = run_tool('train.py', configs / 'crt.py', '--cfg-options', *TINY, expect=2)
    assert 'error: load_from is missing' in output
    other = tmp_path / 'other.pth'
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.zeros(1)}), other)
    output = run_tool(
        'train.py', configs / 'crt.py', '--cfg-options', *TINY, f'load_from={other}',
        expect=2,
    )  # fmt: skip
    assert f'error: checkpoint {other} does not fit the second stage' in output


def test_scales_need_the_classifier_they_scale(
    configs, first_stage, run_tool, tmp_path
):
    checkpoint = torch.load(first_stage / 'epoch_2.pth', weights_only=True)
    state = {f'module.{k}': v for k, v in checkpoint['state_dict'].items()}
    good, bad = tmp_path / 'good.pth', tmp_path / 'bad.pth'
    torch.save(dict(state_dict=state), good)
    state['module.head.fc.weight'] = torch.zeros(9, 64)
    torch.save(dict(state_dict=state), bad)
    arguments = ['train.py', configs / 'lws.py', '--amp', '--no-validate']
    run_tool(*arguments, '--cfg-options', *TINY, f'load_from={good}')
    output = run_tool(
        *arguments, '--cfg-options', *TINY, f'load_from={bad}', expect=2,
        work_dir=tmp_path / 'other',
    )  # fmt: skip
    assert 'head.fc.weight is frozen' in output


def test_ncm_needs_no_training(configs, first_stage, run_tool):
    output = run_tool(
        'test.py', configs / 'ncm.py', first_stage / 'epoch_2.pth',
        '--cfg-options', TINY[0],
    )  # fmt: skip
    assert 'mean features of 10 classes' in output
    refused = run_tool(
        'test.py', configs / 'ncm.py', first_stage / 'epoch_2.pth', '--tta',
        '--cfg-options', TINY[0], expect=2,
    )  # fmt: skip
    assert 'without --tta' in refused
    assert float(re.findall(r'shot/all: ([\d.]+)', output)[-1]) > 30


def test_record_of_a_test(configs, first_stage, run_tool, tmp_path):
    """Without training the results file describes the test and its checkpoint."""
    checkpoint = first_stage / 'epoch_2.pth'
    output = run_tool(
        'test.py', configs / 'ncm.py', checkpoint, '--cfg-options', TINY[0]
    )
    tested = (tmp_path / 'work/tests.jsonl').read_text()
    assert len(tested.splitlines()) == 1
    run_tool(
        'analysis/record.py', tmp_path / 'work', '--results', tmp_path / 'results',
        work_dir=False,
    )  # fmt: skip
    ((file,),) = [folder.iterdir() for folder in (tmp_path / 'results').iterdir()]
    run = json.loads(file.read_text())
    shown = float(re.findall(r'shot/all: ([\d.]+)', output)[-1])
    assert run['last']['all'] == run['best']['all'] == pytest.approx(shown, abs=1e-3)
    assert run['curve'] == [run['last']]
    assert not run['complete'], 'of 40 epochs'
    assert run['other_settings'] == [TINY[0]]
    told = torch.load(checkpoint, weights_only=True)['meta']
    assert run['class_counts'] == told['class_counts']
    assert run['checkpoint']['data_fingerprint'] == told['data_fingerprint']
    assert run['checkpoint']['experiment_name'] == told['experiment_name']
    assert run['checkpoint']['epoch'] == run['last']['epoch'] == 2
    assert run['remake'].startswith('python tools/test.py')
    assert run['remake'].endswith(f'epoch_2.pth --cfg-options {TINY[0]}')


def test_post_hoc_logit_adjustment_needs_no_training(
    configs, first_stage, run_tool, tmp_path
):
    """The class counts are in the checkpoint, so no training data is needed."""
    checkpoint = first_stage / 'epoch_2.pth'
    scores = []
    for config in ('configs/ce/resnet20_digits-lt-if32.py', configs / 'post_hoc.py'):
        run_tool(
            'test.py', config, checkpoint, '--out', tmp_path / 'scores.pkl',
            '--cfg-options', TINY[0], 'train_dataloader=None', 'train_cfg=None',
            'optim_wrapper=None', 'param_scheduler=None',
        )  # fmt: skip
        images = load(tmp_path / 'scores.pkl')
        scores.append(torch.stack([image['pred_score'] for image in images]))
    meta = torch.load(checkpoint, weights_only=True)['meta']
    expected = scores[0] / torch.tensor(meta['class_counts'])
    expected /= expected.sum(1, keepdim=True)
    torch.testing.assert_close(scores[1], expected, rtol=1e-4, atol=1e-6)


def test_the_pages_shift_of_the_bias_does_the_same(first_stage, tmp_path, monkeypatch):
    page = (ROOT / 'configs/logit_adjustment/README.md').read_text()
    (snippet,) = [
        block
        for block in re.findall(r'```python\n(.*?)```', page, re.S)
        if 'torch.save' in block
    ]
    checkpoint = torch.load(first_stage / 'epoch_2.pth', weights_only=True)
    checkpoint['meta']['class_counts'][3] = 0
    torch.save(checkpoint, tmp_path / 'epoch_200.pth')
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
    head = LogitAdjustedHead(num_classes=10, in_channels=64).eval()
    head.set_class_counts(checkpoint['meta']['class_counts'])
    plain = LinearClsHead(num_classes=10, in_channels=64)
    for one, file in ((head, 'epoch_200.pth'), (plain, 'adjusted.pth')):
        state = torch.load(file, weights_only=True)['state_dict']
        one.fc.load_state_dict(
            {key: state[f'head.fc.{key}'] for key in ('weight', 'bias')}
        )
    x = (torch.randn(5, 64),)
    torch.testing.assert_close(head(x), plain(x))


def test_a_test_after_a_training_is_of_the_new_weights(tmp_path):
    """Not of the checkpoint that the training started from."""
    first = make_runner(tmp_path / 'first', **{'train_cfg.max_epochs': 1})
    first.train()
    names = tuple('abcdefghij')
    runner = make_runner(
        tmp_path / 'second',
        load_from=str(tmp_path / 'first/epoch_1.pth'),
        **{
            'train_cfg.max_epochs': 1,
            'train_dataloader.dataset.dataset.metainfo': dict(classes=names),
            'val_dataloader.dataset.metainfo': dict(classes=names),
            'test_dataloader.dataset.metainfo': dict(classes=names),
        },
    )
    runner.train()
    assert runner.test()['shot/all'] >= 0
    (line,) = read_lines(tmp_path / 'second/tests.jsonl')
    assert line['checkpoint'] == dict(file=None)


def test_statistics_of_a_part_that_learns_need_not_be_loaded(first_stage, tmp_path):
    """Those of ResLT's branches, on top of a CE checkpoint, are new like the branches."""
    head = dict(
        _delete_=True, type='ResLTHead', num_classes=10, in_channels=64, groups=3
    )
    settings = {
        'model.type': 'DecoupledClassifier',
        'model.head': head,
        'default_hooks.second_stage': dict(type='SecondStageHook'),
        'load_from': str(first_stage / 'epoch_2.pth'),
        'train_cfg.max_epochs': 1,
    }
    make_runner(tmp_path / 'run', **settings).train()
    before, after = (
        weights(file)
        for file in (first_stage / 'epoch_2.pth', tmp_path / 'run/epoch_1.pth')
    )
    for name, value in before.items():
        if name.startswith('backbone'):
            assert torch.equal(value, after[name]), name
    frozen = {**settings, 'model.trainable': ['head.fc']}
    with pytest.raises(ConfigError, match=r'head\.branches\..* is frozen'):
        make_runner(tmp_path / 'frozen', **frozen).train()

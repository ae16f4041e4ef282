"""Checkpoints of the papers' code compute the same in our models."""

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.convert import convert_state_dict
from tests.test_configs import load

CIFAR = 'resnet32_cifar100-lt-if100.py'


def make(leaf, **settings):
    torch.manual_seed(0)
    cfg = load(leaf)
    cfg.merge_from_dict({f'model.{k}': v for k, v in settings.items()})
    model = MODELS.build(cfg.model)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.9 * (tensor.dim() < 2))
    return model.eval()


class OfficialResLT(nn.Module):
    """The head of the released CIFAR code: three normalisations and one classifier."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(64, 100)
        self.head_bn, self.med_bn, self.tail_bn = (nn.BatchNorm2d(64) for _ in range(3))

    def forward(self, x):
        x = self.backbone(x)[-1]
        logits = [
            self.fc(F.adaptive_avg_pool2d(bn(x), 1).flatten(1))
            for bn in (self.head_bn, self.med_bn, self.tail_bn)
        ]
        return sum(logits)


def with_prefix(state, prefix='module.'):
    return {prefix + name: value for name, value in state.items()}


def test_reslt_cifar():
    ours = make(f'reslt/{CIFAR}')
    official = OfficialResLT(make(f'reslt/{CIFAR}').backbone)
    official.train()
    with torch.no_grad():
        for bn in (official.head_bn, official.med_bn, official.tail_bn):
            nn.init.uniform_(bn.weight)
            nn.init.uniform_(bn.bias)
        official(torch.rand(8, 3, 32, 32))  # the same statistics in all three
    official.eval()
    state, report = convert_state_dict(
        with_prefix(official.state_dict()), ours.state_dict()
    )
    ours.load_state_dict(state)
    images = torch.rand(4, 3, 32, 32)
    found = ours.head(ours.extract_feat(images))
    torch.testing.assert_close(found, official(images), rtol=1e-4, atol=1e-4)
    assert any('head.branches <-' in line for line in report)


def test_bbn_cifar():
    ours = make(f'bbn/{CIFAR}')
    names = {
        'neck.conventional.': 'module.backbone.cb_block.',
        'neck.rebalancing.': 'module.backbone.rb_block.',
        'head.fc.': 'module.classifier.',
        'backbone.': 'module.backbone.',
    }
    official = {}
    for name, value in make(f'bbn/{CIFAR}').state_dict().items():
        for mine, theirs in names.items():
            if name.startswith(mine):
                official[theirs + name.removeprefix(mine)] = value
    assert len(official) == len(ours.state_dict())
    state, _ = convert_state_dict(official, ours.state_dict())
    for name, value in make(f'bbn/{CIFAR}').state_dict().items():
        if not name.endswith('num_batches_tracked'):
            assert torch.equal(state[name], value), name


def test_names_nobody_knows_are_matched_in_order():
    ours = make('reslt/resnet10_imagenet-lt.py')
    official = {}
    for name, value in ours.state_dict().items():
        rest = name.removeprefix('backbone.').replace(
            'head.branches.conv', 'conv_fusion'
        )
        rest = rest.replace('head.branches.norm', 'fusion_bn')
        official[f'module.{rest}'] = value + 1
    state, report = convert_state_dict(official, ours.state_dict())
    assert 'head.branches.conv.weight <- module.conv_fusion.weight' in report
    assert torch.equal(
        state['head.branches.conv.weight'], official['module.conv_fusion.weight']
    )


def test_a_bias_is_not_taken_for_a_weight():
    source = {'bn.bias': torch.zeros(3), 'bn.weight': torch.ones(3)}
    target = {'norm.weight': torch.ones(3), 'norm.bias': torch.zeros(3)}
    with pytest.raises(ConfigError, match='no counterpart'):
        convert_state_dict(source, target)


def test_own_checkpoints_stay_as_they_are():
    ours = make(f'ce/{CIFAR}')
    state, report = convert_state_dict(ours.state_dict(), ours.state_dict())
    assert not report
    assert list(state) == list(ours.state_dict())


@pytest.mark.parametrize('change', ['missing', 'extra', 'shape', 'statistics'])
def test_what_does_not_fit_is_named(change):
    ours = make(f'reslt/{CIFAR}')
    official = OfficialResLT(make(f'reslt/{CIFAR}').backbone)
    source = official.state_dict()
    expected = 'no counterpart'
    if change == 'missing':
        del source['backbone.conv1.weight']
    elif change == 'extra':
        source['another.weight'] = torch.zeros(3)
    elif change == 'shape':
        source['fc.weight'], expected = torch.zeros(10, 64), 'number of classes'
    else:
        official.tail_bn.running_mean += 1
        expected = 'running_mean'
    with pytest.raises(ConfigError, match=expected):
        convert_state_dict(source, ours.state_dict())


def test_script(tmp_path, run_tool):
    config = 'configs/ce/resnet20_digits-lt-if32.py'
    model = make('ce/resnet20_digits-lt-if32.py')
    torch.save(dict(model=with_prefix(model.state_dict()), epoch=3), tmp_path / 'a.pth')
    output = run_tool(
        'convert_checkpoint.py', config, tmp_path / 'a.pth', tmp_path / 'b.pth',
        '--class-counts', work_dir=False,
    )  # fmt: skip
    assert 'backbone.conv1.weight <- module.backbone.conv1.weight' in output
    checkpoint = torch.load(tmp_path / 'b.pth', weights_only=True)
    assert checkpoint['meta']['class_counts'][0] == 128
    assert 'shot/few' in run_tool('test.py', config, tmp_path / 'b.pth')
    output = run_tool(
        'convert_checkpoint.py', config, tmp_path / 'a.pth', tmp_path / 'b.pth',
        work_dir=False, expect=2,
    )  # fmt: skip
    assert 'b.pth exists' in output

"""BBN's parts and the whole model against a plain two-forward implementation."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModule, revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    BilateralNeck,
    DecoupledClassifier,
    bilateral_trunk,
    check_neck,
)
from mmlt_plugin.models.layers import BilateralBN
from tests.conftest import ROOT
from tests.models.samples import samples

BASIC = dict(type='CIFARResNet', depth=14)
BOTTLENECK = dict(type='ResNet', depth=50, stem_channels=8, base_channels=8)
RESNEXT = dict(type='ResNeXt', depth=50, groups=4, width_per_group=2, base_channels=8)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def make_model(net, channels, num_classes=5):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='BilateralTrunk', backbone=net),
            neck=dict(type='BilateralNeck', backbone=net),
            head=dict(
                type='BBNHead', num_classes=num_classes, in_channels=2 * channels
            ),
        )
    )
    model.init_weights()
    return model.double()


def with_plain_norms(module):
    """A copy in which every BilateralBN is an ordinary BatchNorm2d."""
    module = copy.deepcopy(module)
    for name, layer in list(module.named_modules()):
        if isinstance(layer, BilateralBN):
            plain = nn.BatchNorm2d(layer.num_features).double()
            plain.load_state_dict(layer.state_dict())
            parent = module.get_submodule(name.rpartition('.')[0])
            setattr(parent, name.rpartition('.')[2], plain)
    return module


def two_forward_step(model, uniform, rebalanced, y_c, y_r, alpha):
    """The official training step: the shared layers run once for each image batch."""
    f_c = model.neck.conventional(model.backbone(uniform)[-1]).mean(dim=(2, 3))
    f_r = model.neck.rebalancing(model.backbone(rebalanced)[-1]).mean(dim=(2, 3))
    mixed = 2 * torch.cat([alpha * f_c, (1 - alpha) * f_r], dim=1)
    logits = mixed @ model.head.fc.weight.T + model.head.fc.bias
    return alpha * F.cross_entropy(logits, y_c) + (1 - alpha) * F.cross_entropy(
        logits, y_r
    )


@pytest.mark.parametrize(
    ('net', 'channels', 'size'),
    [(BASIC, 64, 16), (BOTTLENECK, 256, 32), (RESNEXT, 256, 32)],
    ids=['CIFARResNet', 'ResNet-50', 'ResNeXt-50'],
)
@pytest.mark.parametrize('alpha', [1.0, 0.7, 0.0])
def test_training_steps_equal_two_forwards(net, channels, size, alpha):
    model = make_model(net, channels)
    plain = with_plain_norms(model)
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.05) for m in (model, plain)]
    model.head.set_alpha(alpha)
    for step in range(2):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 3, size, size, generator=generator, dtype=torch.float64)
        y = torch.randint(5, (8,), generator=generator)
        losses = model(x, samples(y), mode='loss')
        loss = losses['loss_conventional'] + losses['loss_rebalancing']
        expected = two_forward_step(plain, x[:4], x[4:], y[:4], y[4:], alpha)
        torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
        for optimizer, value in zip(optimizers, (loss, expected)):
            optimizer.zero_grad()
            value.backward()
        for (name, a), b in zip(model.named_parameters(), plain.parameters()):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-7, atol=1e-9, msg=name)
        for optimizer in optimizers:
            optimizer.step()
    for (name, a), b in zip(model.state_dict().items(), plain.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9, msg=name)


def test_evaluation_runs_every_image_through_both_branches():
    model = make_model(BASIC, 64).eval()
    model.head.set_alpha(0.3)  # alpha has no part in it
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    trunk = model.backbone(x)[-1]
    blocks = (model.neck.conventional, model.neck.rebalancing)
    features = torch.cat([block(trunk).mean(dim=(2, 3)) for block in blocks], dim=1)
    expected = features @ model.head.fc.weight.T + model.head.fc.bias
    torch.testing.assert_close(model(x), expected)
    scores = torch.stack([s.pred_score for s in model(x, mode='predict')])
    torch.testing.assert_close(scores, expected.softmax(1))


@pytest.mark.parametrize(('classes', 'parameters'), [(10, 538_778), (100, 550_388)])
def test_parameters_of_the_official_model(classes, parameters):
    cfg = Config.fromfile(ROOT / f'configs/bbn/resnet32_cifar{classes}-lt-if100.py')
    model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert [len(s) for s in (model.backbone.layer1, model.backbone.layer3)] == [5, 4]


def test_official_initialisation_of_both_branches():
    model = make_model(dict(type='CIFARResNet', depth=32), 64)
    blocks = (model.neck.conventional, model.neck.rebalancing)
    for block in blocks:
        expected = (2 / block.conv1.weight[0].numel()) ** 0.5
        assert block.conv1.weight.std().item() == pytest.approx(expected, rel=0.05)
        assert (block.norm2.weight == 1).all()
    assert not torch.equal(blocks[0].conv1.weight, blocks[1].conv1.weight)


def test_the_branches_differ_without_an_initialisation_of_the_backbone():
    """BBN's ResNet-50 starts with PyTorch's initialisation."""
    neck = BilateralNeck(dict(BOTTLENECK, init_cfg=[]))
    neck.init_weights()
    assert not torch.equal(
        neck.conventional.conv1.weight, neck.rebalancing.conv1.weight
    )


def test_blocks_that_start_as_identity_do_so_in_the_neck_too():
    neck = BilateralNeck(dict(BOTTLENECK, zero_init_residual=True))
    neck.init_weights()
    assert (neck.conventional.norm3.weight == 0).all()
    assert (neck.rebalancing.norm3.weight == 0).all()


@pytest.mark.parametrize(
    'option', [dict(norm_eval=True), dict(frozen_stages=4)], ids=str
)
def test_the_branches_keep_statistics_as_the_backbone_does(option):
    neck = BilateralNeck(dict(BOTTLENECK, **option)).train()
    assert not neck.conventional.norm1.training
    assert neck.conventional.norm1.weight.requires_grad == ('norm_eval' in option)
    assert BilateralNeck(BOTTLENECK).train().conventional.norm1.training


@pytest.mark.parametrize('kind', ['BN', 'GN'])
def test_the_normalisation_of_the_backbone_stays(kind):
    own = dict(type=kind, eps=1e-3)
    own.update(dict(momentum=0.01) if kind == 'BN' else dict(num_groups=4))
    backbone = dict(type='CIFARResNet', depth=20, norm_cfg=own)
    trunk, neck = bilateral_trunk(backbone), BilateralNeck(backbone)
    norms = [trunk.layer1[0].norm1, neck.conventional.norm1, neck.rebalancing.norm1]
    assert {norm.eps for norm in norms} == {1e-3}
    names = [type(norm).__name__ for norm in norms]
    if kind == 'BN':
        assert names == ['BilateralBN', 'BatchNorm2d', 'BatchNorm2d']
        assert {norm.momentum for norm in norms} == {0.01}
    else:
        assert names == ['GroupNorm'] * 3
    plain = bilateral_trunk(backbone, norm_cfg=dict(type='BN'))
    assert type(plain.layer1[0].norm1).__name__ == 'BatchNorm2d'
    assert own['type'] == kind


@pytest.mark.parametrize(
    ('kind', 'of_trunk', 'expected'),
    [
        ('SyncBN', None, 'BilateralSyncBN'),
        ('BilateralSyncBN', None, 'BilateralSyncBN'),
        ('BN', 'BilateralSyncBN', 'BilateralSyncBN'),
        (torch.nn.SyncBatchNorm, None, 'BilateralSyncBN'),
        ('BN2d', None, 'BilateralBN'),
        ('mmengine.BN', None, 'BilateralBN'),
        (torch.nn.BatchNorm2d, None, 'BilateralBN'),
    ],
)
@pytest.mark.parametrize('ranks', [1, 2])
def test_the_trunk_keeps_halves_apart_however_the_norm_is_spelt(
    monkeypatch, kind, of_trunk, expected, ranks
):
    monkeypatch.setitem(bilateral_trunk.__globals__, 'get_world_size', lambda: ranks)
    trunk = bilateral_trunk(
        dict(type='CIFARResNet', depth=20, norm_cfg=dict(type=kind)),
        norm_cfg=dict(type=of_trunk) if of_trunk else None,
    )
    if ranks == 1:  # where mmengine replaces what synchronises by ordinary layers
        expected = 'BilateralBN'
        trunk = revert_sync_batchnorm(trunk)
    assert type(trunk.layer1[0].norm1).__name__ == expected


def test_a_model_of_two_branches_can_be_pickled():
    trunk = pickle.loads(pickle.dumps(bilateral_trunk(BASIC)))
    state = {'backbone.layer3.1.conv1.weight': torch.zeros(1)}
    trunk._checkpoint_filter(state, '')
    assert set(state) == {
        f'neck.{branch}.conv1.weight' for branch in ('conventional', 'rebalancing')
    }


def check_pretrained(model, whole, last='layer4.2'):
    for name, value in whole.state_dict().items():
        if name.startswith(last):
            rest = name.removeprefix(f'{last}.')
            for branch in (model.neck.conventional, model.neck.rebalancing):
                torch.testing.assert_close(branch.state_dict()[rest], value)
        else:
            torch.testing.assert_close(model.backbone.state_dict()[name], value)


@pytest.fixture
def pretrained(tmp_path):
    """A pre-trained ResNet-50 and its mmpretrain checkpoint."""
    torch.manual_seed(1)
    whole = MODELS.build(BOTTLENECK)
    for value in whole.state_dict().values():
        value.copy_(torch.rand(value.shape) if value.is_floating_point() else value)
    path = tmp_path / 'resnet50.pth'
    state = {f'backbone.{name}': value for name, value in whole.state_dict().items()}
    torch.save(dict(state_dict=state), path)
    return whole, str(path)


@pytest.mark.parametrize('as_list', [False, True])
def test_pretrained_backbone_by_init_cfg(pretrained, as_list):
    whole, path = pretrained
    init_cfg = dict(type='Pretrained', checkpoint=path, prefix='backbone')
    init_cfg = [init_cfg] if as_list else init_cfg
    # With a list, mmpretrain's ResNet zeroes the last normalisations after loading.
    net = dict(BOTTLENECK, init_cfg=init_cfg, zero_init_residual=not as_list)
    model = make_model(net, 256).float()
    check_pretrained(model, whole)


def test_pretrained_classifier_by_load_from(pretrained):
    from mmengine.runner import load_checkpoint

    whole, path = pretrained
    model = make_model(BOTTLENECK, 256).float()
    load_checkpoint(model, path, map_location='cpu')
    check_pretrained(model, whole)
    assert model.load_state_dict(model.state_dict())  # its own keys pass unchanged


def test_what_cannot_be_cut_or_halved_is_refused():
    neck = BilateralNeck(BASIC)
    with pytest.raises(ConfigError, match='batch of 5 images'):
        neck((torch.zeros(5, 64, 4, 4),))
    with pytest.raises(ConfigError, match='one block only'):
        bilateral_trunk(dict(type='CIFARResNet', depth=8))
    with pytest.raises(ConfigError, match='no residual stages'):
        bilateral_trunk(dict(type=WithoutStages))


def test_what_is_around_the_neck_must_fit_it():
    trunk = dict(type='BilateralTrunk', backbone=BASIC)
    neck = dict(type='BilateralNeck', backbone=BASIC)
    linear = dict(type='LinearClsHead', num_classes=3, in_channels=128)
    check_neck(ImageClassifier(trunk, neck, dict(linear, type='BBNHead')))
    with pytest.raises(ConfigError, match='LinearClsHead takes single ones'):
        check_neck(ImageClassifier(trunk, neck, linear))
    for of_single_images in (dict(pairs=False), dict(branch='conventional')):
        check_neck(ImageClassifier(trunk, dict(neck, **of_single_images), linear))
    check_neck(DecoupledClassifier(backbone=trunk, neck=neck, head=linear))
    with pytest.raises(ConfigError, match="type='BilateralTrunk'"):
        check_neck(ImageClassifier(BASIC, neck, linear))


class WithoutStages(BaseModule):
    def __init__(self):
        super().__init__()

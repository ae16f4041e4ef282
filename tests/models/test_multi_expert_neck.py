"""Trunk and neck of experts against the backbones they are cut from."""

import pytest
import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import MultiExpertNeck, check_neck, multi_expert_trunk

RESNET20 = dict(type='CIFARResNet', depth=20)


def test_neck_is_the_backbone_of_every_expert():
    torch.manual_seed(0)
    trunk, neck = (
        multi_expert_trunk(RESNET20),
        MultiExpertNeck(RESNET20, experts=2, pool=False),
    )
    net = MODELS.build(RESNET20)
    x = torch.randn(4, 3, 32, 32)
    for expert, found in zip(neck.experts, neck(trunk(x))):
        state = dict(trunk.state_dict())
        for number, stage in enumerate(('layer2', 'layer3')):
            for name, value in expert[number].state_dict().items():
                state[f'{stage}.{name}'] = value
        net.load_state_dict(state)  # with batch statistics after one batch more
        torch.testing.assert_close(found, net(x)[0])


@pytest.mark.parametrize(
    ('backbone', 'channels', 'groups'),
    [
        (dict(type='ResNet', depth=50), (768, 1536), 1),
        (dict(type='ResNeXt', depth=50), (768, 1536), 32),
        (dict(type='ResNet', depth=18), (192, 384), 1),
    ],
)
def test_three_quarters_of_the_channels(backbone, channels, groups):
    neck = MultiExpertNeck(backbone, experts=1, width=0.75)
    stages = neck.experts[0]
    assert tuple(stage[-1].out_channels for stage in stages) == channels
    assert stages[0][0].conv2.groups == groups
    if groups > 1:  # int(192 * 4 / 64) * 32, as in RIDE's code
        assert stages[0][0].conv2.out_channels == 384
    trunk = multi_expert_trunk(backbone)
    assert neck(trunk(torch.randn(1, 3, 64, 64)))[0].shape == (1, channels[1])


def test_weights_of_a_checkpoint_go_to_every_expert(tmp_path):
    net = MODELS.build(RESNET20)
    torch.save(
        {f'backbone.{name}': value for name, value in net.state_dict().items()},
        tmp_path / 'net.pth',
    )
    init = dict(
        type='Pretrained', checkpoint=str(tmp_path / 'net.pth'), prefix='backbone'
    )
    neck = MultiExpertNeck(dict(RESNET20, init_cfg=init), experts=2)
    neck.init_weights()
    for expert in neck.experts:
        for stage, name in zip(expert, ('layer2', 'layer3')):
            expected = getattr(net, name).state_dict()
            for key, value in stage.state_dict().items():
                torch.testing.assert_close(value, expected[key])
    with pytest.raises(ConfigError, match=r'do not fit width=0\.5'):
        MultiExpertNeck(dict(RESNET20, init_cfg=init), width=0.5)


def test_initialisation_is_the_backbones():
    neck = MultiExpertNeck(dict(type='ResNet', depth=18), experts=2)
    neck.init_weights()  # zero_init_residual is mmpretrain's default
    blocks = [block for expert in neck.experts for stage in expert for block in stage]
    assert all((block.norm2.weight == 0).all() for block in blocks)
    assert all((block.norm1.weight == 1).all() for block in blocks)
    first, second = (expert[0][0].conv1.weight for expert in neck.experts)
    assert not torch.equal(first, second)


def test_frozen_stages_and_statistics_are_kept():
    net = dict(type='ResNet', depth=18)
    neck = MultiExpertNeck(dict(net, frozen_stages=3), experts=2).train()
    for third, fourth in neck.experts:
        assert not any(p.requires_grad for p in third.parameters())
        assert all(p.requires_grad for p in fourth.parameters())
        assert not third[0].norm1.training
        assert fourth[0].norm1.training
    neck = MultiExpertNeck(dict(net, norm_eval=True), experts=1).train()
    assert not neck.experts[0][1][0].norm1.training
    trunk = multi_expert_trunk(dict(net, frozen_stages=3))
    trunk.train()
    assert not any(p.requires_grad for p in trunk.parameters())


def test_what_is_around_the_neck_must_fit_it():
    trunk, neck = (
        dict(type='MultiExpertTrunk', backbone=RESNET20),
        MultiExpertNeck(RESNET20),
    )
    expert = dict(type='LinearClsHead', num_classes=3, in_channels=64)
    head = dict(type='MultiExpertHead', head=expert)
    check_neck(ImageClassifier(trunk, neck, head))
    check_neck(ImageClassifier(trunk, MultiExpertNeck(RESNET20, experts=1), expert))
    for wrong in (RESNET20, dict(trunk, stages=1), dict(type='LeNet5')):
        with pytest.raises(ConfigError, match="type='MultiExpertTrunk'"):
            check_neck(ImageClassifier(wrong, neck, head))
    with pytest.raises(
        ConfigError, match='each of 3 experts, and LinearClsHead takes one'
    ):
        check_neck(ImageClassifier(trunk, neck, expert))


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: multi_expert_trunk(RESNET20, stages=3), 'stages=3 of the experts is all'),
        (lambda: multi_expert_trunk(dict(type='LeNet5')), 'LeNet5 has no residual stages'),
        (lambda: MultiExpertNeck(RESNET20, width=1.5), 'width=1.5 of MultiExpertNeck'),
        (lambda: MultiExpertNeck(dict(type='ResNeXt', depth=50), width=0.6), 'does not divide the channels'),
        (lambda: MultiExpertNeck(RESNET20, width=0.01), 'does not divide the channels'),
        (lambda: MultiExpertNeck(dict(type='NoNet')), "'NoNet' of MultiExpertNeck is not registered"),
    ],
)  # fmt: skip
def test_errors(build, message):
    with pytest.raises(ConfigError, match=message):
        build()

"""RIDE's loss, experts and heads against formulas in float64."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models import LinearClsHead
from mmpretrain.registry import MODELS

from mmlt_plugin.engine import ClassCountsHook, DeferredRecipeHook
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    LDAMLoss,
    MultiExpertHead,
    MultiExpertNeck,
    ReweightedLoss,
    RIDELoss,
    check_match,
    multi_expert_trunk,
)
from tests.models.samples import samples

C, K, N = 5, 3, 6
COUNTS = [500, 90, 40, 6, 1]
RESNET20 = dict(type='CIFARResNet', depth=20)
LINEAR = dict(type='LinearClsHead', num_classes=C, in_channels=4)
BASES = {
    'cross-entropy': dict(type='CrossEntropyLoss'),
    'LDAM-DRW': dict(type='LDAMLoss', scheme='effective', scale=7.0),
}


def naive_diversity(logits, scale, factor, temperature, imbalance):
    """Image by image, expert by expert, class by class."""
    share = [count / sum(COUNTS) for count in COUNTS]
    weights = [imbalance * C * s + 1 - imbalance for s in share]
    temperatures = [temperature * w / max(weights) for w in weights]
    mean_temperature = sum(temperatures) / C
    total = 0.0
    for image in logits:
        scaled = [
            torch.stack([scale * z[c] / temperatures[c] for c in range(C)])
            for z in image
        ]
        mean = (sum(scaled) / K).detach()
        p = mean.exp() / mean.exp().sum()
        for z in scaled:
            q = z.exp() / z.exp().sum()
            total = total + sum(p[c] * (p[c].log() - q[c].log()) for c in range(C))
    return -factor * mean_temperature**2 * total / N


@pytest.mark.parametrize('base', BASES)
@pytest.mark.parametrize('diversity', [0.0, 0.2])
@pytest.mark.parametrize('temperature', [1.0, 1.7])
@pytest.mark.parametrize('imbalance', [0.0, 0.05, 0.6])
def test_loss_against_loops(base, diversity, temperature, imbalance):
    torch.manual_seed(0)
    loss = RIDELoss(BASES[base], diversity, temperature, imbalance)
    loss.set_class_counts(COUNTS)
    own = MODELS.build(BASES[base])
    for module in (loss.loss, own):
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
    logits = torch.randn(N, K, C, dtype=torch.float64, requires_grad=True)
    label = torch.randint(C, (N,))
    found = loss(logits, label)
    scale = getattr(own, 'scale', 1.0)
    expected = dict(
        loss=sum(own(logits[:, k], label) for k in range(K)),
        loss_diversity=naive_diversity(
            logits, scale, diversity, temperature, imbalance
        ),
    )
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)
        (a,) = torch.autograd.grad(found[key], logits, retain_graph=True)
        (b,) = torch.autograd.grad(value, logits, retain_graph=True)
        torch.testing.assert_close(a, b)


def test_temperatures_of_frequent_classes_are_highest():
    loss = RIDELoss(dict(type='CrossEntropyLoss'), temperature=2.0, imbalance=0.5)
    loss.set_class_counts([90, 10])  # weights 0.5 * 1.8 + 0.5 and 0.5 * 0.2 + 0.5
    expected = torch.tensor([2.0, 2 * 0.6 / 1.4], dtype=torch.float64)
    torch.testing.assert_close(loss.temperatures, expected)


def test_experts_that_agree_are_not_apart():
    loss = RIDELoss(dict(type='CrossEntropyLoss'))
    logits = torch.randn(N, 1, C).expand(-1, K, -1)
    found = loss(logits, torch.zeros(N, dtype=torch.long))
    assert found['loss_diversity'].abs() < 1e-6


def test_bfloat16_logits_are_not_summed_in_bfloat16():
    loss = RIDELoss(BASES['LDAM-DRW'])
    loss.loss.set_class_counts(COUNTS)
    logits = torch.rand(N, K, C).bfloat16()
    label = torch.arange(N) % C
    for key, value in loss(logits, label).items():
        torch.testing.assert_close(value, loss(logits.float(), label)[key])


def make_head(head=LINEAR):
    torch.manual_seed(0)
    return MultiExpertHead(head=head, experts=K)


def test_prediction_is_the_mean_of_the_experts():
    head = make_head()
    feats = tuple(torch.randn(K, N, 4))
    expected = sum(e((f,)) for e, f in zip(head.experts, feats)) / K
    torch.testing.assert_close(head(feats), expected)
    assert head.pre_logits(feats).shape == (N, K * 4)
    weights = [expert.fc.weight for expert in head.experts]
    assert not torch.equal(weights[0], weights[1])


def test_losses_of_any_head_are_added():
    heads = [
        dict(LINEAR, loss=dict(type='CrossEntropyLoss'), cal_acc=True),
        dict(type='ResLTHead', num_classes=C, in_channels=4, groups=2, cal_acc=True),
    ]
    feats = tuple(torch.randn(K, N, 4))
    labels = samples([0, 1, 2, 3, 4, 0])
    for cfg in heads:
        head = make_head(cfg).eval()
        for module in head.modules():
            if hasattr(module, 'set_class_counts'):
                module.set_class_counts(COUNTS)
        found = head.loss(feats, labels)
        parts = [e.loss((f,), labels) for e, f in zip(head.experts, feats)]
        for key, value in found.items():
            total = sum(torch.as_tensor(part[key]).squeeze() for part in parts)
            expected = total if 'loss' in key else total / K
            torch.testing.assert_close(value.squeeze(), expected)
        assert 'accuracy_top-1' in found


def test_ride_loss_in_the_head():
    cfg = dict(
        type='CosineClsHead', num_classes=C, in_channels=4,
        loss=dict(type='RIDELoss', loss=BASES['LDAM-DRW']), cal_acc=True,
    )  # fmt: skip
    head = make_head(cfg)
    for module in head.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
    feats = tuple(torch.randn(K, N, 4))
    labels = [0, 1, 2, 3, 4, 0]
    found = head.loss(feats, samples(labels))
    logits = torch.stack([e((f,)) for e, f in zip(head.experts, feats)], 1)
    for key, value in head.loss_module(logits, torch.tensor(labels)).items():
        torch.testing.assert_close(found[key], value)
    right = logits.mean(1).argmax(1) == torch.tensor(labels)
    torch.testing.assert_close(found['accuracy_top-1'], 100 * right.float().mean())


def test_experts_share_their_loss_and_refuse_what_does_not_fit():
    head = make_head(dict(type='CosineClsHead', num_classes=C, in_channels=4, scale=1.0,
                          loss=dict(type='LDAMLoss')))  # fmt: skip
    assert {id(expert.loss_module) for expert in head.experts} == {id(head.loss_module)}
    check_match(head, LDAMLoss())
    with pytest.raises(ConfigError, match='LDAMLoss takes cosines'):
        check_match(make_head(), RIDELoss(dict(type='LDAMLoss')))
    check_match(make_head(), ReweightedLoss())
    with pytest.raises(ConfigError, match='is not one of several'):
        check_match(LinearClsHead(C, 4), RIDELoss(BASES['cross-entropy']))


def test_deferred_loss_goes_to_all_experts():
    model = torch.nn.Module()
    model.head = make_head()
    counts = ClassCountsHook()
    counts.counts = COUNTS
    hook = DeferredRecipeHook([dict(action_epoch=1, loss=BASES['LDAM-DRW'])])
    new = RIDELoss(dict(type='ReweightedLoss'), imbalance=0.5)
    hook._switch_loss(SimpleNamespace(model=model, hooks=[counts]), new)
    owners = [model.head, *model.head.experts]
    assert all(owner.loss_module is new for owner in owners)
    assert new.temperatures.shape == new.loss.counts.shape == (C,)


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


@pytest.mark.parametrize(
    'head',
    [
        dict(LINEAR, init_cfg=dict(type='Constant', layer='Linear', val=0.5)),
        dict(type='ResLTHead', num_classes=C, in_channels=4, groups=2, branch='conv'),
    ],
)
def test_heads_of_experts_are_initialised(head):
    def changed_by_initialisation(heads, model):
        before = [deepcopy(head.state_dict()) for head in heads]
        model.init_weights()
        return [
            {
                name
                for name, value in head.state_dict().items()
                if not value.equal(old[name])
            }
            for head, old in zip(heads, before)
        ]

    alone, together = MODELS.build(head), make_head(head)
    (expected,) = changed_by_initialisation([alone], alone)
    assert expected
    assert changed_by_initialisation(together.experts, together) == [expected] * K


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


def test_cosines_without_a_scale_are_warned_of(monkeypatch):
    told = []
    monkeypatch.setattr(
        'mmlt_plugin.models.heads.cosine_head.print_log',
        lambda text, *_, **__: told.append(text),
    )
    cosine = dict(type='CosineClsHead', num_classes=C, in_channels=4)
    make_head(dict(cosine, loss=dict(type='RIDELoss', loss=BASES['LDAM-DRW'])))
    assert told == []
    make_head(dict(cosine, loss=dict(type='RIDELoss', loss=BASES['cross-entropy'])))
    assert len(told) == K
    assert 'CrossEntropyLoss of cosines' in told[0]


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: multi_expert_trunk(RESNET20, stages=3), 'stages=3 of the experts is all'),
        (lambda: multi_expert_trunk(dict(type='LeNet5')), 'LeNet5 has no residual stages'),
        (lambda: MultiExpertNeck(RESNET20, width=1.5), 'width=1.5 of MultiExpertNeck'),
        (lambda: make_head()((torch.zeros(N, 4),)), 'has 3 heads and got 1 features'),
        (lambda: RIDELoss(BASES['cross-entropy'], imbalance=1.0), 'imbalance=1.0 of RIDELoss'),
        (lambda: MultiExpertNeck(dict(type='ResNeXt', depth=50), width=0.6), 'does not divide the channels'),
        (lambda: MultiExpertNeck(RESNET20, width=0.01), 'does not divide the channels'),
        (lambda: MultiExpertNeck(dict(type='NoNet')), "'NoNet' of MultiExpertNeck is not registered"),
        (lambda: make_head(dict(LINEAR, type='NCMHead')), 'cannot have a NCMHead'),
        (lambda: make_head(dict(LINEAR, type='FeatureLossHead', feature_loss=dict(type='RangeLoss'),
                                loss=dict(type='RIDELoss', loss=BASES['cross-entropy']))),
         'FeatureLossHead has a loss of its own'),
        (lambda: RIDELoss(BASES['cross-entropy'], imbalance=0.1)(torch.zeros(N, K, C), None),
         'needs the training images of 5 classes'),
        (lambda: RIDELoss(BASES['cross-entropy'])(torch.zeros(N, C), None),
         'put the head with this loss into a MultiExpertHead'),
    ],
)  # fmt: skip
def test_errors(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_soft_labels_are_expectations():
    loss = RIDELoss(BASES['LDAM-DRW'])
    loss.loss.set_class_counts(COUNTS)
    logits = torch.rand(N, K, C)
    label = torch.arange(N) % C
    soft = loss(logits, F.one_hot(label, C).float())
    for key, value in loss(logits, label).items():
        torch.testing.assert_close(soft[key], value)


def test_linear_head_alone_is_told_where_its_loss_belongs():
    head = LinearClsHead(**{k: v for k, v in LINEAR.items() if k != 'type'},
                         loss=dict(type='RIDELoss', loss=BASES['cross-entropy']))  # fmt: skip
    with pytest.raises(ConfigError, match='MultiExpertHead'):
        head.loss((torch.zeros(2, 4),), samples([0, 1]))

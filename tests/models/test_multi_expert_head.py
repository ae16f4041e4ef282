"""Heads of experts against each expert alone."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from mmpretrain.models import LinearClsHead
from mmpretrain.registry import MODELS

from mmlt_plugin.engine import ClassCountsHook, DeferredRecipeHook
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    EarlyExitHead,
    LDAMLoss,
    MultiExpertHead,
    ReweightedLoss,
    RIDELoss,
    check_match,
)
from tests.models.expert_heads import COUNTS, LINEAR, LOSSES, C, K, N, make_head
from tests.models.samples import samples


def test_prediction_is_the_mean_of_the_experts():
    head = make_head()
    feats = tuple(torch.randn(K, N, 4))
    expected = sum(e((f,)) for e, f in zip(head.experts, feats)) / K
    torch.testing.assert_close(head(feats), expected)
    assert torch.equal(head.pre_logits(feats), torch.cat(feats, 1))
    weights = [expert.fc.weight for expert in head.experts]
    assert not torch.equal(weights[0], weights[1])


def test_inputs_of_several_branches_are_laid_side_by_side_too():
    head = make_head(dict(type='ResLTHead', num_classes=C, in_channels=4, groups=2))
    feats = tuple(torch.randn(K, N, 4))
    parts = [e.pre_logits((f,)) for e, f in zip(head.experts, feats)]
    found = head.pre_logits(feats)
    torch.testing.assert_close(found, torch.cat([p.flatten(1) for p in parts], 1))


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
        loss=dict(type='RIDELoss', loss=LOSSES['LDAM-DRW']), cal_acc=True,
        topk=(1, 2),
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
    among_two = (logits.mean(1).topk(2).indices == torch.tensor(labels)[:, None]).any(1)
    torch.testing.assert_close(found['accuracy_top-2'], 100 * among_two.float().mean())


def test_experts_share_their_loss_and_refuse_what_does_not_fit():
    head = make_head(dict(type='CosineClsHead', num_classes=C, in_channels=4, scale=1.0,
                          loss=dict(type='LDAMLoss')))  # fmt: skip
    assert {id(expert.loss_module) for expert in head.experts} == {id(head.loss_module)}
    check_match(head, LDAMLoss())
    with pytest.raises(ConfigError, match='LDAMLoss takes cosines'):
        check_match(make_head(), RIDELoss(dict(type='LDAMLoss')))
    check_match(make_head(), ReweightedLoss())
    with pytest.raises(ConfigError, match='is not one of several'):
        check_match(LinearClsHead(C, 4), RIDELoss(LOSSES['cross-entropy']))


def test_deferred_loss_goes_to_all_experts():
    model = torch.nn.Module()
    model.head = make_head()
    counts = ClassCountsHook()
    counts.counts = COUNTS
    hook = DeferredRecipeHook([dict(action_epoch=1, loss=LOSSES['LDAM-DRW'])])
    new = RIDELoss(dict(type='ReweightedLoss'), imbalance=0.5)
    hook._switch_loss(SimpleNamespace(model=model, hooks=[counts]), new)
    owners = [model.head, *model.head.experts]
    assert all(owner.loss_module is new for owner in owners)
    assert new.temperatures.shape == new.loss.counts.shape == (C,)


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


def test_cosines_without_a_scale_are_warned_of(warned):
    cosine = dict(type='CosineClsHead', num_classes=C, in_channels=4)
    make_head(dict(cosine, loss=dict(type='RIDELoss', loss=LOSSES['LDAM-DRW'])))
    assert warned == []
    make_head(dict(cosine, loss=dict(type='RIDELoss', loss=LOSSES['cross-entropy'])))
    assert len(warned) == K
    assert 'CrossEntropyLoss of cosines' in warned[0]


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: make_head()((torch.zeros(N, 4),)), 'has 3 heads and got 1 features'),
        (lambda: make_head()((torch.zeros(N, 4),) * 4), 'has 3 heads and got 4 features'),
        (lambda: MultiExpertHead(LINEAR, experts=2.5), 'experts=2.5 of MultiExpertHead'),
        (lambda: MultiExpertHead(head=[]), 'MultiExpertHead has no experts'),
        (lambda: EarlyExitHead(head=LINEAR, in_channels=[]), 'EarlyExitHead has no experts'),
        (lambda: make_head(dict(LINEAR, type='NCMHead')), 'cannot have a NCMHead'),
        (lambda: make_head(dict(LINEAR, type='FeatureLossHead', feature_loss=dict(type='RangeLoss'),
                                loss=dict(type='RIDELoss', loss=LOSSES['cross-entropy']))),
         'FeatureLossHead has a loss of its own'),
    ],
)  # fmt: skip
def test_errors(build, message):
    with pytest.raises(ConfigError, match=message):
        build()

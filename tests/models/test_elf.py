"""EarlyExitHead against loops in float64, values and gradients."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import EarlyExitHead, check_match
from tests.models.samples import samples

C, N = 4, 12
CHANNELS = (3, 5, 6)
COUNTS = [500, 90, 40, 6]
HEADS = {
    'cross-entropy': dict(type='LinearClsHead', num_classes=C),
    'LDAM-DRW': dict(
        type='CosineClsHead',
        num_classes=C,
        loss=dict(type='LDAMLoss', scheme='effective', scale=8.0),
    ),
    'CB by batch': dict(
        type='LinearClsHead',
        num_classes=C,
        loss=dict(type='ReweightedLoss', scheme='effective', normalizer='batch'),
    ),
}


def make_head(name='cross-entropy', confidence=0.5, **settings):
    torch.manual_seed(0)
    head = EarlyExitHead({**HEADS[name], **settings}, CHANNELS, confidence)
    for module in head.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
    return head.double()


def make_batch():
    torch.manual_seed(1)
    feats = tuple(3 * torch.randn(N, d, dtype=torch.float64) for d in CHANNELS)
    return feats, torch.randint(C, (N,)).tolist()


def naive(head, feats, labels, confidence):
    """Loss, logits in evaluation and number of exits, image by image, exit by exit."""
    loss_module = head.loss_module
    scale = getattr(loss_module, 'scale', 1.0)
    weights = getattr(loss_module, 'weights', torch.ones(C)).double()
    if getattr(loss_module, 'normalizer', '') == 'weights':
        total = sum(weights[y] for y in labels)
    else:
        total = N
    loss, passed, chosen = 0.0, 0, []
    for n, y in enumerate(labels):
        trained = tested = False
        for number, (expert, feat) in enumerate(zip(head.experts, feats)):
            z = expert((feat[n : n + 1],))
            p = (scale * z).softmax(1)
            if not trained:
                own = loss_module(z, torch.tensor([y]), reduction_override='none')
                loss = loss + own.sum() / total
                passed += 1
            if not tested and (p.max() > confidence or number == 2):
                tested = True
                chosen.append(z)
            trained = trained or (p.max() > confidence and int(z.argmax()) == y)
    return loss, torch.cat(chosen), passed / N


@pytest.mark.parametrize('name', HEADS)
@pytest.mark.parametrize('confidence', [0.3, 0.6, 0.9, 1.0])
def test_against_loops(name, confidence):
    head = make_head(name, confidence)
    feats, labels = make_batch()
    found = head.loss(feats, samples(labels))
    loss, logits, exits = naive(head, feats, labels, confidence)
    torch.testing.assert_close(found['loss'], loss)
    torch.testing.assert_close(head(feats), logits)
    assert float(found['exits']) == pytest.approx(exits)
    assert exits == 3 if confidence == 1.0 else 1 < exits < 3
    inputs = list(head.parameters())
    for a, b in zip(
        torch.autograd.grad(found['loss'], inputs), torch.autograd.grad(loss, inputs)
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('name', HEADS)
def test_soft_labels_are_expectations(name):
    """Every exit adds the expectation of its loss over the soft label."""
    head = make_head(name, confidence=1.0)
    feats, labels = make_batch()
    others = [(label + 1) % C for label in labels]
    mixed = samples(labels)
    for sample, a, b in zip(mixed, labels, others):
        sample.set_gt_score(0.6 * one_hot(a) + 0.4 * one_hot(b))
    loss_module = head.loss_module
    weights = getattr(loss_module, 'weights', torch.ones(C)).double()
    if getattr(loss_module, 'normalizer', '') != 'weights':
        weights = torch.ones(C).double()
    total = sum(0.6 * weights[a] + 0.4 * weights[b] for a, b in zip(labels, others))
    loss = 0.0
    for expert, feat in zip(head.experts, feats):
        for share, label in ((0.6, labels), (0.4, others)):
            own = loss_module(
                expert((feat,)), torch.tensor(label), reduction_override='none'
            )
            loss = loss + share * own.sum() / total
    torch.testing.assert_close(head.loss(feats, mixed)['loss'], loss)


def test_accuracy_is_the_last_exits_and_soft_labels_count_by_their_largest_part():
    head = make_head('LDAM-DRW', cal_acc=True, topk=(1, 2))
    feats, labels = make_batch()
    found = head.loss(feats, samples(labels))
    right = head.experts[-1]((feats[-1],)).argmax(1) == torch.tensor(labels)
    accuracy = 100 * right.float().mean()
    torch.testing.assert_close(found['accuracy_top-1'], accuracy)
    assert found['accuracy_top-2'] >= accuracy
    soft = samples(labels)
    for sample, label in zip(soft, labels):
        other = one_hot((label + 1) % C)
        sample.set_gt_score(0.6 * one_hot(label) + 0.4 * other)
    assert head.loss(feats, soft)['exits'] == found['exits']


def one_hot(label):
    return torch.nn.functional.one_hot(torch.tensor(label), C).double()


def test_features_of_all_stages_of_a_net():
    net = MODELS.build(dict(type='CIFARResNet', depth=8, out_indices=(0, 1, 2)))
    neck = MODELS.build(dict(type='GlobalAveragePooling'))
    head = EarlyExitHead(HEADS['cross-entropy'], [16, 32, 64])
    assert head(neck(net(torch.zeros(2, 3, 32, 32)))).shape == (2, C)
    with pytest.raises(
        ConfigError, match='EarlyExitHead has 3 heads and got 1 features'
    ):
        head((torch.zeros(2, 64),))


def test_what_is_refused():
    for confidence in (0, 1.5):
        with pytest.raises(ConfigError, match=f'confidence={confidence} of EarlyExit'):
            make_head(confidence=confidence)
    loss = MODELS.build(dict(type='LDAMLoss'))
    with pytest.raises(ConfigError, match='LDAMLoss takes cosines'):
        check_match(make_head(), loss)
    check_match(make_head('LDAM-DRW'), loss)
    ride = MODELS.build(dict(type='RIDELoss', loss=dict(type='CrossEntropyLoss')))
    with pytest.raises(ConfigError, match='is not one of several'):
        check_match(make_head(), ride)
    with pytest.raises(ConfigError, match='ResLTHead has a loss of its own'):
        EarlyExitHead(dict(type='ResLTHead', num_classes=C, groups=2), CHANNELS)
    head = make_head(loss=dict(type='CrossEntropyLoss', use_sigmoid=True))
    feats, labels = make_batch()
    soft = samples(labels)
    for sample, label in zip(soft, labels):
        sample.set_gt_score(one_hot(label))
    with pytest.raises(ConfigError, match='needs a loss for each image'):
        head.loss(feats, soft)


def test_nobody_is_surer_than_certain():
    head = make_head(confidence=1.0)
    assert not head.is_sure(torch.tensor([[[1000.0, 0, 0, 0]]])).any()

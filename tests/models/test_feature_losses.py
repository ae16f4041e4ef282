"""Losses of features against loops in float64, values and gradients."""

import itertools

import pytest
import torch
from mmpretrain.models import LinearClsHead
from mmpretrain.structures import DataSample
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    DiscCentroidsLoss,
    FeatureLossHead,
    LiftedStructuredLoss,
    RangeLoss,
    check_match,
)
from tests.models.samples import samples

LABELS = [
    [0, 0, 0, 2, 2, 5, 5, 5, 5],
    [3, 1, 3, 1, 3, 1, 3, 1, 0],
    [4, 4],
    [0, 1, 2],
    [7],
]


def squared(a, b):
    return sum((u - v) ** 2 for u, v in zip(a, b))


def pairs_of(label):
    return [
        (i, j)
        for i, j in itertools.combinations(range(len(label)), 2)
        if label[i] == label[j]
    ]


def naive_range(x, label, k, margin, alpha, beta):
    total = 0 * x.sum()
    for c in set(label):
        found = [squared(x[i], x[j]) for i, j in pairs_of(label) if label[i] == c]
        found = sorted(found, key=torch.detach, reverse=True)[:k]
        if found:
            total = total + alpha * len(found) / sum(1 / d for d in found)
    means = [x[[i for i, y in enumerate(label) if y == c]].mean(0) for c in set(label)]
    between = [squared(a, b) for a, b in itertools.combinations(means, 2)]
    if between and min(between) < margin:
        total = total + beta * (margin - min(between))
    return total


def naive_lifted(x, label, margin):
    total = 0 * x.sum()
    for i, j in pairs_of(label):
        others = 0
        for a in (i, j):
            for k, y in enumerate(label):
                if y != label[a]:
                    others = others + torch.exp(margin - squared(x[a], x[k]).sqrt())
        if isinstance(others, torch.Tensor):
            term = torch.log(others) + squared(x[i], x[j]).sqrt()
            total = total + term.clamp_min(0) ** 2
    return total / (2 * max(len(pairs_of(label)), 1))


def compare(loss, naive, label, size=2.0):
    torch.manual_seed(len(label))
    x = torch.randn(len(label), 4, dtype=torch.float64, requires_grad=True)
    found = loss(size * x, torch.tensor(label))
    expected = naive(size * x, label)
    torch.testing.assert_close(found, expected)
    gradient = torch.autograd.grad(found, x)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, x)[0])


@pytest.mark.parametrize('label', LABELS, ids=str)
@pytest.mark.parametrize('k', [1, 2, 5])
@pytest.mark.parametrize('margin', [0.1, 50.0])
@pytest.mark.parametrize(
    ('alpha', 'beta'), [(1.0, 1.0), (0.3, 2.0), (0.0, 1.0), (1.0, 0.0)]
)
@pytest.mark.parametrize('size', [0.001, 2.0, 5000.0])
def test_range_loss(label, k, margin, alpha, beta, size):
    settings = dict(k=k, margin=margin, alpha=alpha, beta=beta)
    compare(
        RangeLoss(**settings),
        lambda x, label: naive_range(x, label, **settings),
        label,
        size,
    )


@pytest.mark.parametrize('label', LABELS, ids=str)
@pytest.mark.parametrize('margin', [0.5, 5.0])
@pytest.mark.parametrize('size', [0.1, 2.0, 50.0])
def test_lifted_structured_loss(label, margin, size):
    compare(
        LiftedStructuredLoss(margin),
        lambda x, label: naive_lifted(x, label, margin),
        label,
        size,
    )


@pytest.mark.parametrize('loss', ['RangeLoss', 'LiftedStructuredLoss'])
def test_a_loss_of_features_is_none_of_logits(loss):
    head = LinearClsHead(num_classes=3, in_channels=4, loss=dict(type=loss))
    with pytest.raises(ConfigError, match=rf"feature_loss=dict\(type='{loss}'\)"):
        check_match(head, head.loss_module)


@pytest.mark.parametrize('loss', [RangeLoss(), LiftedStructuredLoss()], ids=str)
def test_equal_images_have_finite_gradients(loss):
    x = torch.zeros(6, 4, requires_grad=True)
    found = loss(x, torch.tensor([0, 0, 0, 1, 1, 1]))
    found.backward()
    assert found.isfinite()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize('label', [[0, 0, 2, 3, 3, 3], [1]], ids=str)
@pytest.mark.parametrize('margin', [0.1, 100.0])
@pytest.mark.parametrize('repel', [0.0, 0.01, 0.7])
@pytest.mark.parametrize('weight', [0.0, 0.01, 1.0])
def test_disc_centroids_loss(label, margin, repel, weight):
    torch.manual_seed(0)
    loss = DiscCentroidsLoss(4, 3, margin, repel, weight).double()
    centroids = loss.centroids
    x = torch.randn(len(label), 3, dtype=torch.float64, requires_grad=True)
    found = loss(x, torch.tensor(label))
    near = sum(squared(f, centroids[y]) for f, y in zip(x, label)) / (2 * len(label))
    far = sum(
        squared(f, m)
        for f, y in zip(x, label)
        for i, m in enumerate(centroids)
        if i != y
    ) / (len(label) * 4)
    away = repel * (margin - far).clamp_min(0)
    torch.testing.assert_close(found, weight * (near + away))
    moves, pulls = torch.autograd.grad(found, (centroids, x))
    expected_pulls = torch.autograd.grad(weight * (near + away), x, retain_graph=True)
    torch.testing.assert_close(pulls, expected_pulls[0])
    # The released code's own gradient: unweighted, over one more than the images.
    expected = torch.zeros_like(moves)
    if away.requires_grad and away > 0:
        expected += torch.autograd.grad(weight * away, centroids)[0]
    for c in set(label):
        own = [f for f, y in zip(x.detach(), label) if y == c]
        differences = sum(centroids[c].detach() - f for f in own)
        expected[c] += differences / (len(own) + 1) / len(label)
    torch.testing.assert_close(moves, expected)


class Spread(torch.nn.Module):
    """A loss that is not registered."""

    def forward(self, feature, label):
        return feature.var() + label.sum()


def test_the_head_adds_its_loss():
    torch.manual_seed(0)
    settings = dict(num_classes=5, in_channels=4)
    head = FeatureLossHead(
        **settings,
        feature_loss=dict(type=f'{__name__}.Spread'),
        feature_weight=0.25,
        cal_acc=True,
    )
    x = torch.randn(6, 4)
    label = torch.tensor([0, 1, 1, 2, 4, 4])
    losses = head.loss((x,), samples(label))
    expected = torch.nn.functional.cross_entropy(head((x,)), label)
    torch.testing.assert_close(losses['loss'], expected)
    torch.testing.assert_close(losses['loss_feature'], 0.25 * (x.var() + 12))
    assert set(losses) == {'loss', 'loss_feature', 'accuracy_top-1'}


class Gram(nn.Module):
    """A loss that autocast would compute in bfloat16."""

    def forward(self, feature, label):
        return (feature @ feature.T).sum()


def test_the_loss_is_not_computed_in_bfloat16():
    head = FeatureLossHead(num_classes=2, in_channels=4, feature_loss=dict(type=Gram))
    x = torch.randn(4, 4)
    expected = head.loss((x,), samples([0, 0, 1, 1]))['loss_feature']
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head.loss((x,), samples([0, 0, 1, 1]))['loss_feature']
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_soft_labels_are_refused():
    head = FeatureLossHead(
        num_classes=2, in_channels=4, feature_loss=dict(type='RangeLoss')
    )
    mixed = [DataSample().set_gt_score(torch.tensor([0.5, 0.5]))]
    with pytest.raises(ConfigError, match='FeatureLossHead got soft labels'):
        head.loss((torch.randn(1, 4),), mixed)


@pytest.mark.parametrize('loss', [RangeLoss(), LiftedStructuredLoss()], ids=str)
def test_one_graph_whatever_the_labels(loss):
    compiled = torch.compile(loss, backend='eager', fullgraph=True, dynamic=False)
    for label in ([0, 0, 1, 1, 1, 2], [4, 4, 4, 4, 4, 4], [5, 4, 3, 2, 1, 0]):
        x, label = torch.randn(6, 4), torch.tensor(label)
        with torch.compiler.set_stance('fail_on_recompile' if label[0] else 'default'):
            torch.testing.assert_close(compiled(x, label), loss(x, label))


def test_small_distances_of_many_large_features():
    """Distances by a matrix product would lose all digits."""
    torch.manual_seed(0)
    x = 100 + torch.randn(32, 4) / 100
    lifted, label = LiftedStructuredLoss(1.0), torch.arange(32) % 4
    torch.testing.assert_close(
        lifted(x, label).double(), lifted(x.double(), label), rtol=1e-5, atol=0
    )
    centroids = DiscCentroidsLoss(30, 4, weight=1.0, repel=1.0)
    centroids.centroids.data = 100 + centroids.centroids.data / 100
    label = torch.arange(32) % 30
    found = centroids(x, label).double()
    expected = centroids.double()(x.double(), label)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)

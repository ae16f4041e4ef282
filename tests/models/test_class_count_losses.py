"""Losses against naive float64 formulas, values and gradients, zero counts included."""

import math

import pytest
import torch
from mmpretrain.models import LinearClsHead

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    BalancedSoftmaxLoss,
    CosineClsHead,
    LDAMLoss,
    LogitAdjustedLoss,
    ReweightedLoss,
    SoftmaxEqualizationLoss,
)
from tests.models.samples import samples

COUNTS = {
    'long tail': [500, 120, 40, 9, 1],
    'first absent': [0, 500, 40, 9, 2],
    'middle absent': [500, 40, 0, 9, 2],
    'last absent': [500, 40, 9, 2, 0],
}


def naive_weight(counts, c, scheme, beta):
    def raw(n):
        if n == 0:
            return 0.0
        if scheme == 'inverse':
            return 1 / n
        return (1 - beta) / (1 - beta**n) if scheme == 'effective' else 1.0

    present = [n for n in counts if n]
    return raw(counts[c]) / sum(map(raw, counts)) * len(present)


def focal(z, y, counts, gamma):
    p = z[y].exp() / sum(v.exp() for v in z)
    return -((1 - p) ** gamma) * p.log()


def adjusted(z, y, counts, tau):
    total = sum(counts)
    shifted = [v + tau * math.log(max(n, 1e-3) / total) for v, n in zip(z, counts)]
    return -(shifted[y].exp() / sum(v.exp() for v in shifted)).log()


def ldam(z, y, counts, max_margin, scale):
    rarest = min(n for n in counts if n)
    margin = max_margin * (rarest / max(counts[y], rarest)) ** 0.25
    own = (scale * (z[y] - margin)).exp()
    return -(
        own / (own + sum((scale * v).exp() for i, v in enumerate(z) if i != y))
    ).log()


def equalized(z, y, counts, threshold):
    rare = [n < threshold * sum(counts) for n in counts]
    kept = [v.exp() for k, v in enumerate(z) if k == y or not rare[k]]
    return -(z[y].exp() / sum(kept)).log()


LOSSES = {
    'CE': (ReweightedLoss, {}, focal, dict(gamma=0)),
    'focal': (ReweightedLoss, dict(gamma=2.0), focal, dict(gamma=2)),
    'logit adjustment': (LogitAdjustedLoss, dict(tau=0.7), adjusted, dict(tau=0.7)),
    'balanced softmax': (BalancedSoftmaxLoss, {}, adjusted, dict(tau=1)),
    'LDAM': (
        LDAMLoss, dict(max_margin=0.4, scale=5.0), ldam, dict(max_margin=0.4, scale=5),
    ),
    'SEQL': (
        SoftmaxEqualizationLoss,
        dict(threshold=0.1, gamma=1.0),
        equalized,
        dict(threshold=0.1),
    ),
    'SEQL of rare classes only': (
        SoftmaxEqualizationLoss,
        dict(threshold=1.0, gamma=1.0),
        equalized,
        dict(threshold=1.0),
    ),
}  # fmt: skip


def make_batch(counts, soft, num_images=6):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(num_images, 5, generator=generator, dtype=torch.float64)
    present = torch.tensor([c for c, n in enumerate(counts) if n])
    labels = present[torch.randint(len(present), (num_images,), generator=generator)]
    one_hot = torch.eye(5, dtype=torch.float64)[labels]
    target = 0.7 * one_hot + 0.3 * one_hot.flip(0) if soft else labels
    return z.requires_grad_(), target, (target if soft else one_hot)


@pytest.mark.parametrize('counts', COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize('scheme', [None, 'inverse', 'effective'])
@pytest.mark.parametrize('normalizer', ['weights', 'batch'])
@pytest.mark.parametrize('soft', [False, True], ids=['hard', 'soft'])
@pytest.mark.parametrize('name', LOSSES)
def test_against_naive_reference(name, counts, scheme, normalizer, soft):
    cls, arguments, element, settings = LOSSES[name]
    loss = cls(scheme=scheme, beta=0.99, normalizer=normalizer, **arguments).double()
    loss.set_class_counts(counts)
    loss.double()
    z, target, one_hot = make_batch(counts, soft)
    total, weights = 0.0, 0.0
    for n in range(len(z)):
        for c in range(5):
            if one_hot[n, c]:
                w = one_hot[n, c] * naive_weight(counts, c, scheme, 0.99)
                total = total + w * element(z[n], c, counts, **settings)
                weights += w
    expected = total / (weights if normalizer == 'weights' else len(z))
    found = loss(z, target, avg_factor=len(z))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    (gradient,) = torch.autograd.grad(found, z)
    (expected_gradient,) = torch.autograd.grad(expected, z)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-5, atol=1e-8)
    single = loss(z, target, reduction_override='none')
    assert single.shape == (6,)


@pytest.mark.parametrize('gap', [0.0, 0.4, 0.55, 0.6, 0.65, 0.7, 1.0, 2.0])
@pytest.mark.parametrize(
    ('max_margin', 'scale'), [(0.5, 30.0), (1.0, 30.0), (0.5, 64.0)]
)
@pytest.mark.parametrize('soft', [False, True], ids=['hard', 'soft'])
def test_ldam_in_single_precision(gap, max_margin, scale, soft):
    """The margin counts even if the label's probability rounds to 1."""
    counts = [500, 120, 40, 9, 1]
    z = torch.full((5, 5), -0.5 * gap)
    z.fill_diagonal_(0.5 * gap)  # image c is of class c, by so much
    one_hot = torch.eye(5)
    target = 0.9 * one_hot + 0.1 * one_hot.flip(0) if soft else torch.arange(5)
    loss = LDAMLoss(max_margin=max_margin, scale=scale)
    loss.set_class_counts(counts)
    assert z.abs().max() <= 1  # as cosines are
    z.requires_grad_()
    found = loss(z, target, reduction_override='none')
    (gradient,) = torch.autograd.grad(found.sum(), z)

    exact = z.detach().double().requires_grad_()
    rows = []
    for label in range(5):  # the formula is a cross-entropy of shifted logits
        margin = max_margin * (1 / counts[label]) ** 0.25
        shift = margin * torch.nn.functional.one_hot(torch.tensor([label] * 5), 5)
        rows.append(
            torch.nn.functional.cross_entropy(
                scale * (exact - shift), torch.tensor([label] * 5), reduction='none'
            )
        )
    by_label = torch.stack(rows, dim=1)
    weights = (target if soft else one_hot).double()
    expected = (by_label * weights).sum(1)
    (expected_gradient,) = torch.autograd.grad(expected.sum(), exact)
    torch.testing.assert_close(found.double(), expected, rtol=2e-5, atol=1e-12)
    torch.testing.assert_close(
        gradient.double(), expected_gradient, rtol=1e-4, atol=1e-6 * scale
    )


def test_ldam_takes_cosines_only():
    loss = LDAMLoss()
    loss.check_head(CosineClsHead(num_classes=2, in_channels=4))
    for head in (
        LinearClsHead(num_classes=2, in_channels=4),
        CosineClsHead(num_classes=2, in_channels=4, scale=30.0),
    ):
        with pytest.raises(ConfigError, match='with scale=1'):
            loss.check_head(head)


def test_sum_and_none_of_the_weighted_losses():
    loss = ReweightedLoss(scheme='inverse', loss_weight=0.5)
    loss.set_class_counts([3, 1])
    z, labels = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    single = loss(z, labels, reduction_override='none')
    torch.testing.assert_close(loss(z, labels, reduction_override='sum'), single.sum())


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('value', [60.0, -60.0])
def test_extreme_logits_stay_finite(name, value):
    cls, arguments, _, _ = LOSSES[name]
    loss = cls(**arguments)
    loss.set_class_counts([500, 0, 1])
    z = torch.tensor([[value, 0.0, -value]], requires_grad=True)
    for label in (0, 2):
        found = loss(z, torch.tensor([label]))
        (gradient,) = torch.autograd.grad(found, z)
        assert found.isfinite()
        assert gradient.isfinite().all()


def test_weights_agree_with_pytorchs_cross_entropy():
    loss = ReweightedLoss(scheme='inverse')
    loss.set_class_counts([50, 5, 10])
    z, y = torch.randn(8, 3), torch.randint(3, (8,))
    expected = torch.nn.functional.cross_entropy(z, y, weight=loss.weights.float())
    torch.testing.assert_close(loss(z, y), expected)


@pytest.mark.parametrize('name', LOSSES)
def test_half_precision_and_the_stock_head(name):
    from mmpretrain.models.heads import LinearClsHead

    cls, arguments, _, _ = LOSSES[name]
    head = LinearClsHead(3, 4, loss=dict(type=cls, **arguments))
    head.loss_module.set_class_counts([50, 5, 0])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.loss((torch.rand(4, 4) / 9,), samples((0, 1, 0, 1)))
    assert losses['loss'].dtype == torch.float32
    assert losses['loss'].isfinite()
    assert not any('counts' in key or 'weights' in key for key in head.state_dict())


@pytest.mark.parametrize(
    ('settings', 'warns'),
    [({}, True), (dict(scale=16.0), False), (dict(loss=dict(type='LDAMLoss')), False)],
    ids=str,
)
def test_cross_entropy_of_bare_cosines_is_warned_of(settings, warns, warned):
    CosineClsHead(num_classes=3, in_channels=4, **settings)
    assert len(warned) == warns


def test_cosine_head():
    head = CosineClsHead(num_classes=5, in_channels=8, scale=3.0)
    x = torch.randn(4, 8)
    for n, row in enumerate(head((x,))):
        for c, value in enumerate(row):
            w = head.fc.weight[c]
            cosine = (x[n] * w).sum() / (x[n].norm() * w.norm())
            torch.testing.assert_close(value, 3 * cosine)
    assert head.fc.bias is None
    torch.testing.assert_close(head.fc.weight.norm(dim=1), torch.ones(5))


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: ReweightedLoss(scheme='square'), "scheme='square'"),
        (lambda: ReweightedLoss(beta=1.0), r'beta=1\.0'),
        (lambda: ReweightedLoss(normalizer='sum'), "normalizer='sum'"),
        (lambda: ReweightedLoss(gamma=-1), 'gamma=-1'),
        (lambda: LDAMLoss(max_margin=0), 'max_margin=0'),
        (lambda: SoftmaxEqualizationLoss(threshold=1.5), r'threshold=1\.5'),
        (lambda: CosineClsHead(3, 4, scale=0), 'scale=0'),
        (
            lambda: ReweightedLoss()(torch.zeros(1, 3), torch.tensor([0])),
            'images per class.*ClassCountsHook',
        ),
        (lambda: ReweightedLoss().set_class_counts([3, -1]), 'none may be negative'),
        (lambda: ReweightedLoss().set_class_counts([0, 0]), 'not all zero'),
    ],
)
def test_wrong_values(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def loss_on_a_rank(rank, z, target, sizes):
    start = sum(sizes[:rank])
    part = slice(start, start + sizes[rank])
    loss = ReweightedLoss(scheme='inverse').double()
    loss.set_class_counts([500, 120, 40, 9, 1])
    logits = z[part].clone().requires_grad_()
    value = loss.double()(logits, target[part])
    return value.item(), torch.autograd.grad(value, logits)[0]


@pytest.mark.parametrize('sizes', [(4, 4), (5, 3)])
@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2, sizes):
    z, target, _ = make_batch([500, 120, 40, 9, 1], soft=False, num_images=8)
    whole = loss_on_a_rank(0, z.detach(), target, (8,))
    ranks = gloo2.run(loss_on_a_rank, z.detach(), target, sizes)
    assert sum(value for value, _ in ranks) / 2 == pytest.approx(whole[0], rel=1e-12)
    gradient = torch.cat([gradient for _, gradient in ranks]) / 2
    torch.testing.assert_close(gradient, whole[1], rtol=1e-10, atol=1e-12)


def test_margins_of_classes_without_images():
    loss = LDAMLoss()
    loss.set_class_counts([1600, 100, 0])
    assert loss.margins.tolist() == pytest.approx([0.25, 0.5, 0.5])


def test_a_class_at_the_threshold_is_not_rare():
    assert SoftmaxEqualizationLoss(threshold=0.1).gamma == 0.9
    loss = SoftmaxEqualizationLoss(threshold=0.25, gamma=1.0)
    loss.set_class_counts([50, 25, 25])
    found = loss(torch.zeros(1, 3), torch.tensor([0]))
    torch.testing.assert_close(found, torch.tensor(3.0).log())

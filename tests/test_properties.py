"""Properties that must hold for any counts, labels, seeds and ranks, and odd arguments."""

import math
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mmpretrain.structures import DataSample

from mmlt_plugin import datasets, engine, models
from mmlt_plugin.class_counts import shot_splits
from mmlt_plugin.datasets import (
    BilateralBatchSampler,
    ClassPowerSampler,
    DeferredSampler,
    held_out_indices,
    long_tailed_counts,
    long_tailed_indices,
)
from mmlt_plugin.datasets.samplers import class_power_sampler
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.evaluation import ShotSplitMetric
from mmlt_plugin.models.losses import class_weights

settings.register_profile(
    'house',
    deadline=None,
    max_examples=60,
    derandomize=True,  # the same examples on every machine
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile('house')

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any)
SEEDS = st.integers(0, 2**31)


class Labelled:
    """A dataset with labels only."""

    def __init__(self, labels):
        self.labels = np.asarray(labels)
        self.metainfo = {}

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels


LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=60)


@given(
    st.integers(1, 3000), st.integers(2, 40), st.floats(1e-4, 1),
    st.sampled_from(['exp', 'step', 'pareto']),
)  # fmt: skip
def test_profiles_fall_within_their_bounds(per_class, classes, factor, profile):
    counts = long_tailed_counts(per_class * classes, classes, factor, profile)
    assert counts[0] == per_class
    assert all(a >= b for a, b in pairwise(counts))
    assert abs(counts[-1] - per_class * factor) <= 1
    assert all(isinstance(count, int) for count in counts)


@given(LABELS, SEEDS, st.integers(0, 5))
def test_subsets_are_subsets(labels, seed, images):
    labels = np.asarray(labels)
    sizes = np.bincount(labels, minlength=7)
    counts = [int(size * 0.6) for size in sizes]
    kept = long_tailed_indices(labels, counts, seed % 2**31)
    assert len(set(kept.tolist())) == len(kept)
    assert np.bincount(labels[kept], minlength=7).tolist() == counts
    if sizes[sizes > 0].min() > images:
        held = held_out_indices(labels, images, seed % 2**31)
        assert np.bincount(labels[held], minlength=7).tolist() == [
            images * (size > 0) for size in sizes
        ]


@given(LABELS, SEEDS, st.floats(-2, 2), st.integers(0, 4), st.integers(1, 5))
def test_ranks_together_draw_what_one_process_draws(labels, seed, power, epoch, ranks):
    dataset = Labelled(labels)
    whole = ClassPowerSampler(dataset, power, seed=seed)
    parts = []
    for rank in range(ranks):
        with patch.object(
            class_power_sampler, 'get_dist_info', return_value=(rank, ranks)
        ):
            part = ClassPowerSampler(dataset, power, seed=seed)
        part.set_epoch(epoch)
        parts.append(list(part))
        assert len(parts[-1]) == math.ceil(len(labels) / ranks)
    whole.set_epoch(epoch)
    together = [item for step in zip(*parts) for item in step]
    assert together[: len(labels)] == list(whole)
    assert set(together) <= set(range(len(labels)))
    probabilities = whole.class_probabilities
    assert probabilities.sum() == pytest.approx(1)
    assert all((p > 0) == (c in labels) for c, p in enumerate(probabilities))


@given(LABELS, SEEDS, st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_bilateral_batches(labels, seed, batch_size, drop_last, epoch):
    first = ClassPowerSampler(Labelled(labels), 1, seed=seed)
    batches = BilateralBatchSampler(first, batch_size, drop_last)
    first.set_epoch(epoch)
    found = list(batches)
    assert len(found) == len(batches)
    assert all(len(batch) % 2 == 0 for batch in found)
    halves = [batch[: len(batch) // 2] for batch in found]
    uniform = [item for half in halves for item in half]
    assert uniform == list(first)[: len(uniform)]
    assert found == list(batches), 'the same again'


@given(LABELS, SEEDS, st.integers(1, 5), st.integers(0, 6))
def test_deferred_sampling_depends_on_the_epoch_alone(labels, seed, action, epoch):
    sampler = DeferredSampler(Labelled(labels), action, seed=seed)
    sampler.set_epoch(epoch)
    found = list(sampler)
    sampler.set_epoch(epoch + 1)
    list(sampler)
    sampler.set_epoch(epoch)
    assert list(sampler) == found
    if epoch + 1 < action:
        assert sorted(found) == list(range(len(labels)))


@given(COUNTS, st.integers(0, 200), st.integers(0, 200))
def test_shots_partition_the_classes(counts, a, b):
    few, many = sorted((a, b))
    splits = shot_splits(counts, many, few)
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(
        range(len(counts))
    )
    assert all(counts[c] < few for c in splits['few'])
    assert all(counts[c] > many for c in splits['many'])


@given(COUNTS, st.sampled_from([None, 'inverse', 'effective']), st.floats(0, 0.99999))
def test_class_weights(counts, scheme, beta):
    weights = class_weights(torch.tensor(counts), scheme, beta)
    present = torch.tensor(counts) > 0
    assert weights.isfinite().all()
    assert (weights[~present] == 0).all()
    assert float(weights[present].mean()) == pytest.approx(1)
    order = sorted(np.flatnonzero(counts), key=lambda c: counts[c])
    ranked = [float(weights[c]) for c in order]
    assert all(a >= b - 1e-12 for a, b in pairwise(ranked)), 'rarer weighs more'


LOSSES = [
    (models.ReweightedLoss, dict(scheme='inverse')),
    (models.ReweightedLoss, dict(scheme='effective', gamma=1.5)),
    (models.LDAMLoss, {}),
    (models.LogitAdjustedLoss, dict(tau=0.5)),
    (models.BalancedSoftmaxLoss, {}),
]


@pytest.mark.parametrize(('cls', 'arguments'), LOSSES)
@given(COUNTS, SEEDS, st.floats(0.01, 80))
def test_losses_are_finite_and_do_not_know_the_order_of_classes(
    cls, arguments, counts, seed, spread
):
    generator = torch.Generator().manual_seed(seed)
    present = torch.tensor([c for c, n in enumerate(counts) if n])
    z = torch.randn(7, len(counts), generator=generator, dtype=torch.float64) * spread
    z.requires_grad_()
    y = present[torch.randint(len(present), (7,), generator=generator)]
    loss = cls(**arguments)
    loss.set_class_counts(counts)
    loss.double()
    found = loss(z, y)
    (gradient,) = torch.autograd.grad(found, z)
    assert found.isfinite()
    assert found >= 0
    assert gradient.isfinite().all()
    # Softmax losses do not depend on a constant; LDAM's cosines do by no more.
    torch.testing.assert_close(loss(z + 3.0, y), found, rtol=1e-6, atol=1e-6)
    order = torch.randperm(len(counts), generator=generator)
    other = cls(**arguments)
    other.set_class_counts([counts[c] for c in order])
    other.double()
    torch.testing.assert_close(
        other(z[:, order], order.argsort()[y]), found, rtol=1e-6, atol=1e-9
    )


@given(COUNTS, SEEDS, st.integers(2, 4), st.sampled_from([True, False]))
def test_reslt_loss_is_finite_for_any_groups(counts, seed, groups, nested):
    assume(groups <= len(counts))
    torch.manual_seed(seed % 1000)
    head = models.ResLTHead(len(counts), 4, groups=groups, nested=nested).double()
    head.set_class_counts(counts)
    samples = [DataSample().set_gt_label(c % len(counts)) for c in range(5)]
    losses = head.loss((torch.randn(5, 4, 2, 2, dtype=torch.float64),), samples)
    assert all(value.isfinite() for value in losses.values())


@given(COUNTS, st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1))
def test_metric_against_a_naive_mean(counts, pairs):
    classes = len(counts)
    pairs = [(p % classes, label % classes) for p, label in pairs]
    found = ShotSplitMetric(class_counts=counts).compute_metrics(pairs)
    accuracy = {}
    for c in {label for _, label in pairs}:
        hits = [p == label for p, label in pairs if label == c]
        accuracy[c] = 100 * sum(hits) / len(hits)
    splits = dict(
        all=lambda n: True, many=lambda n: n > 100, few=lambda n: n < 20,
        medium=lambda n: 20 <= n <= 100,
    )  # fmt: skip
    for name, wanted in splits.items():
        values = [a for c, a in accuracy.items() if wanted(counts[c])]
        if values:
            assert found[name] == pytest.approx(sum(values) / len(values))
        else:
            assert name not in found


DIGITS = dict(type='Digits', split='train')
BACKBONE = dict(type='CIFARResNet', depth=8)
# Component, arguments that work, arguments to try odd values for.
COMPONENTS = [
    (models.ResLTLoss, {}, ['alpha']),
    (models.ResLTHead, dict(num_classes=6, in_channels=8), ['num_classes', 'in_channels', 'groups', 'branch', 'pool', 'fusion', 'eval_pool']),
    (models.BBNHead, dict(num_classes=6, in_channels=8), ['num_classes', 'in_channels']),
    (models.ReweightedLoss, {}, ['gamma', 'scheme', 'beta', 'normalizer']),
    (models.LDAMLoss, {}, ['max_margin', 'scale']),
    (models.LogitAdjustedLoss, {}, ['tau']),
    (models.SoftmaxEqualizationLoss, dict(threshold=0.1), ['threshold', 'gamma']),
    (models.TDEHead, dict(num_classes=6, in_channels=8), ['num_heads', 'tau', 'gamma', 'alpha', 'momentum']),
    (models.CosineClsHead, dict(num_classes=6, in_channels=8), ['scale']),
    (models.TauNormHead, dict(num_classes=6, in_channels=8), ['tau']),
    (models.LogitAdjustedHead, dict(num_classes=6, in_channels=8), ['tau']),
    (models.CIFARResNet, dict(depth=8), ['depth', 'width']),
    (models.BatchAugmentPreprocessor, {}, ['crop_size', 'crop_padding', 'flip_prob']),
    (models.ManifoldMixupClassifier, dict(backbone=BACKBONE), ['layers', 'beta']),
    (models.BilateralNeck, dict(backbone=BACKBONE), ['branch']),
    (datasets.LongTailedDataset, dict(dataset=DIGITS), ['imbalance_factor', 'profile', 'holdout', 'subset', 'pareto_power']),
    (datasets.ClassPowerSampler, dict(dataset=datasets.Digits(split='train'), power=0), ['power', 'seed']),
    (datasets.RedrawBroken, dict(dataset=DIGITS), ['max_share']),
    (engine.CumulativeAlphaHook, {}, ['schedule', 'divisor', 'value']),
    (ShotSplitMetric, {}, ['many', 'few']),
]  # fmt: skip
ODD = st.one_of(
    st.integers(-3, 9),
    st.floats(-2, 2),
    st.sampled_from([float('nan'), float('inf'), -float('inf'), 1e-30, 0.0]),
    st.sampled_from(['', 'sum', 'bn', 'exp', 'nonsense']),
    st.lists(st.integers(-1, 6), max_size=3),
)
CASES = [(c, base, name) for c, base, names in COMPONENTS for name in names]


@pytest.mark.parametrize(
    ('component', 'base', 'name'), CASES, ids=[f'{c.__name__}-{n}' for c, _, n in CASES]
)
@settings(max_examples=40)
@given(value=ODD)
def test_odd_arguments_work_or_are_named(component, base, name, value):
    try:
        component(**{**base, name: value})
    except ConfigError as error:
        text = str(error)
        assert '\n' not in text
        assert name in text or component.__name__ in text

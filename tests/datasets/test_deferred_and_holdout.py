"""Deferred re-sampling, and held-out images."""

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler

from mmlt_plugin.datasets import (
    BilateralBatchSampler,
    ClassBalancedSampler,
    DeferredSampler,
    Digits,
    LongTailedDataset,
    held_out_indices,
    long_tailed_counts,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.labels import resolve_labels

DIGITS = dict(type='Digits', split='train')


@pytest.fixture(scope='module')
def dataset():
    return LongTailedDataset(DIGITS, imbalance_factor=1 / 32)


def items(sampler, epoch):
    sampler.set_epoch(epoch)
    return list(sampler)


def test_deferred_sampler_is_one_sampler_and_then_the_other(dataset):
    found = DeferredSampler(dataset, action_epoch=3, seed=7)
    first = DefaultSampler(dataset, shuffle=True, seed=7)
    then = ClassBalancedSampler(dataset, seed=7)
    for epoch in (0, 1, 2, 3, 1, 5):  # any order: the epoch alone decides
        assert items(found, epoch) == items(first if epoch < 2 else then, epoch)
    assert len(found) == len(dataset)


@pytest.mark.parametrize('rank', [0, 1])
def test_ranks_share_the_sequence(dataset, monkeypatch, rank):
    whole = [items(DeferredSampler(dataset, 2, seed=3), epoch) for epoch in (0, 1)]
    for module in (
        'mmengine.dataset.sampler',
        'mmlt_plugin.datasets.samplers.class_power_sampler',
    ):
        monkeypatch.setattr(f'{module}.get_dist_info', lambda: (rank, 2))
    sampler = DeferredSampler(dataset, 2, seed=3)
    for epoch in (0, 1):
        found = items(sampler, epoch)
        assert found[: len(whole[epoch]) // 2] == whole[epoch][rank::2][: len(found)]


def test_deferred_sampler_within_a_bilateral_batch(dataset):
    batches = BilateralBatchSampler(
        DefaultSampler(dataset, seed=0),
        batch_size=64,
        other=dict(type='DeferredSampler', action_epoch=2),
    )
    halves = []
    for epoch in (0, 1):
        batches.sampler.set_epoch(epoch)
        halves.append([item for batch in batches for item in batch[len(batch) // 2 :]])
    labels = resolve_labels(dataset)
    shares = [np.bincount(labels[half], minlength=10) for half in halves]
    assert shares[0][0] > 100
    assert shares[1][0] < 70


def test_bad_settings(dataset, monkeypatch):
    with pytest.raises(ConfigError, match='action_epoch=0'):
        DeferredSampler(dataset, action_epoch=0)
    monkeypatch.setattr(ClassBalancedSampler, '__len__', lambda self: 5)
    with pytest.raises(ConfigError, match='390 and 5 items'):
        DeferredSampler(dataset, action_epoch=1)


@pytest.mark.parametrize('holdout', [1, 20, 60])
def test_holdout_is_disjoint_and_balanced(holdout):
    settings = dict(imbalance_factor=1 / 32, holdout=holdout)
    train = LongTailedDataset(DIGITS, **settings)
    held = LongTailedDataset(DIGITS, subset='holdout', **settings)
    assert not set(train.kept) & set(held.kept)
    assert np.bincount(held.get_gt_labels()).tolist() == [holdout] * 10
    assert (
        resolve_labels(Digits(split='train'))[held.kept] == held.get_gt_labels()
    ).all()
    usual = LongTailedDataset(DIGITS, imbalance_factor=1 / 32)
    # Of every class the same images, some fewer.
    for label in range(10):
        mine = train.kept[train.get_gt_labels() == label]
        theirs = usual.kept[usual.get_gt_labels() == label]
        assert 0 < len(mine) <= len(theirs)
        assert mine.tolist() == theirs[: len(mine)].tolist()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(subset='holdout'), 'holdout=0'),
        (dict(subset='val', holdout=3), "subset='val'"),
        (dict(holdout=-1), 'holdout=-1'),
        (dict(holdout=1000), 'holdout=1000'),
    ],
)
def test_bad_holdout(settings, message):
    with pytest.raises(ConfigError, match=message):
        LongTailedDataset(DIGITS, **settings)


@pytest.mark.parametrize('seed', [0, 7])
def test_the_profile_is_that_of_the_images_left(seed):
    sizes = np.bincount(Digits(split='train').get_gt_labels())
    settings = dict(imbalance_factor=1 / 32, holdout=60, seed=seed)
    train = LongTailedDataset(DIGITS, **settings)
    expected = np.minimum(long_tailed_counts(1297 - 600, 10, 1 / 32), sizes - 60)
    assert np.bincount(train.get_gt_labels()).tolist() == expected.tolist()
    aside = LongTailedDataset(DIGITS, subset='holdout', **settings)
    assert set(train.kept).isdisjoint(aside.kept)


def test_a_class_that_would_be_set_aside_as_a_whole():
    labels = np.array([0, 0, 0, 1, 1, 1, 3])
    with pytest.raises(ConfigError, match='holdout=1 leaves class 3'):
        held_out_indices(labels, 1)
    assert len(held_out_indices(labels[:-1], 2)) == 4


def test_two_samplers_of_different_lengths(dataset):
    longer = dict(type='ClassBalancedSampler', epoch_size=len(dataset) + 12)
    with pytest.raises(
        ConfigError, match=f'{len(dataset)} and {len(dataset) + 12} items'
    ):
        DeferredSampler(dataset, 2, then=longer, seed=0)

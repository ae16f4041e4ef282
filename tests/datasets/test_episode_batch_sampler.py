"""Episodes: the content of a batch, and the draws of every rank."""

from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler, RepeatDataset

from mmlt_plugin.datasets import (
    ClassBalancedSampler,
    Digits,
    EpisodeBatchSampler,
    LongTailedDataset,
)
from mmlt_plugin.datasets.samplers import episode_batch_sampler
from mmlt_plugin.errors import ConfigError

NOVEL, IMAGES, BATCH = 3, 8, 40


def make_dataset():
    return LongTailedDataset(Digits(split='train'), imbalance_factor=1 / 32)


def make_sampler(seed=0, epoch=0, first=DefaultSampler, **settings):
    sampler = first(make_dataset(), seed=seed)
    sampler.set_epoch(epoch)
    settings = {**dict(novel=NOVEL, images_per_class=IMAGES, min_images=20), **settings}
    return EpisodeBatchSampler(sampler, BATCH, **settings)


def test_what_is_in_a_batch():
    labels = make_dataset().get_gt_labels()
    counts = np.bincount(labels)
    bases = {c for c in range(10) if counts[c] >= 20}
    assert len(bases) < 10
    batches = make_sampler()
    assert len(batches) == len(labels) // BATCH == len(list(batches))
    played = Counter()
    for batch in batches:
        assert len(batch) == BATCH
        episodes = np.reshape(batch[: NOVEL * IMAGES], (NOVEL, IMAGES))
        playing = [set(labels[row]) for row in episodes]
        assert all(len(classes) == 1 for classes in playing)
        assert all(len(set(row)) == IMAGES for row in episodes)
        playing = set.union(*playing)
        assert len(playing) == NOVEL
        others = set(labels[batch[NOVEL * IMAGES :]])
        assert playing | others <= bases
        assert not playing & others
        played.update(int(c) for c in playing)
    assert set(played) == bases, 'each plays in some episode'


def test_other_classes_are_equally_likely():
    labels = make_dataset().get_gt_labels()
    drawn = Counter()
    batches = make_sampler()
    for epoch in range(80):
        batches.sampler.set_epoch(epoch)
        for batch in batches:
            drawn.update(labels[batch[NOVEL * IMAGES :]].tolist())
    assert set(drawn) == set(np.flatnonzero(np.bincount(labels) >= 20))
    shares = np.array([*drawn.values()]) / drawn.total()
    # 16 images of 9 batches in each of 80 epochs.
    np.testing.assert_allclose(shares, 1 / len(shares), rtol=0.15)


def test_seed_epoch_and_rank_choose_the_episodes(monkeypatch):
    first = list(make_sampler())
    assert first == list(make_sampler(first=ClassBalancedSampler))
    assert first != list(make_sampler(seed=1))
    assert first != list(make_sampler(epoch=1))
    monkeypatch.setattr(episode_batch_sampler, 'get_dist_info', lambda: (1, 2))
    assert first != list(make_sampler())


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(novel=0), 'novel=0 of EpisodeBatchSampler'),
        (dict(novel=5), 'batch_size=40 .* must be an integer of 41 or more'),
        (dict(min_images=7), 'min_images=7 of EpisodeBatchSampler'),
        (dict(min_images=60), 'novel=3 of EpisodeBatchSampler: 3 classes have min_images=60'),
        (dict(novel=1, min_images=999), 'novel=1 of EpisodeBatchSampler: 0 classes'),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_sampler(**settings)


@pytest.mark.parametrize('repeats', [1, 3])
def test_classes_with_fewer_images_are_never_drawn(repeats):
    dataset = Digits(split='train', indices=25)
    counts = np.bincount(dataset.get_gt_labels())
    labels = np.tile(dataset.get_gt_labels(), repeats)
    enough = set(np.flatnonzero(counts >= counts.max()))
    assert 0 < len(enough) < 10
    if repeats > 1:  # an image is one however often a wrapper repeats it
        dataset = RepeatDataset(dataset, repeats)
    sampler = ClassBalancedSampler(
        dataset, seed=0, min_images=counts.max(), epoch_size=400
    )
    assert set(labels[list(sampler)]) == enough
    with pytest.raises(ConfigError, match=r'min_images=9 of ClassBalancedSampler'):
        ClassBalancedSampler(dataset, seed=0, min_images=9)


def test_copies_of_an_image_are_one():
    dataset = Digits(split='train')
    copies = RepeatDataset(dataset, 3)
    batches = EpisodeBatchSampler(
        DefaultSampler(copies, seed=0), 60, novel=5, images_per_class=10, min_images=100
    )
    for batch in batches:
        assert len({item % len(dataset) for item in batch}) == 60


def test_a_sampler_without_epochs():
    with pytest.raises(ConfigError, match='InfiniteSampler is none'):
        EpisodeBatchSampler(InfiniteSampler(make_dataset(), seed=0), BATCH)


def test_without_a_seed_ranks_agree_on_one(monkeypatch):
    monkeypatch.setattr(episode_batch_sampler, 'sync_random_seed', lambda: 7)
    uniform = DefaultSampler(Digits(split='train'), seed=0)
    uniform.seed = None
    assert EpisodeBatchSampler(uniform, 60, novel=5, images_per_class=10).seed == 7

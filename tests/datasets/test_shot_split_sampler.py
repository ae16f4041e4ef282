"""The sampler of one shot split, on one process and on two."""

import math

import numpy as np
import pytest
from torch.utils.data import Subset

from mmlt_plugin.datasets import Digits, LongTailedDataset, ShotSplitSampler
from mmlt_plugin.errors import ConfigError


@pytest.mark.parametrize('split', ['many', 'medium', 'few'])
def test_sampler_draws_a_split(split):
    dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
    labels = np.asarray(dataset.get_gt_labels())
    counts = np.bincount(labels)
    wanted = {
        'many': counts > 60,
        'medium': (counts <= 60) & (counts >= 10),
        'few': counts < 10,
    }[split]
    sampler = ShotSplitSampler(dataset, split, many=60, few=10, seed=3)
    epochs = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert len(sampler) == len(epochs[-1])
        assert sorted(epochs[-1]) == np.flatnonzero(wanted[labels]).tolist()
    assert epochs[0] != epochs[1]
    sampler.set_epoch(0)
    assert list(sampler) == epochs[0]


def draws_on(rank):
    dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
    return list(ShotSplitSampler(dataset, 'many', many=60, few=10, seed=3))


def test_ranks_share_the_split(gloo2):
    first, second = gloo2.run(draws_on)
    together = draws_on(0)
    both = [i for pair in zip(first, second) for i in pair]
    assert both[: len(together)] == together
    assert len(first) == len(second) == math.ceil(len(together) / 2)


def test_sampler_refuses_a_split_without_images():
    dataset = Digits(split='train')
    with pytest.raises(ConfigError, match="split='few' of ShotSplitSampler: no class"):
        ShotSplitSampler(dataset, 'few')
    with pytest.raises(ConfigError, match="split='tail' of ShotSplitSampler"):
        ShotSplitSampler(dataset, 'tail')


def test_copies_of_an_image_make_no_class_more_frequent():
    dataset = Digits(split='train', indices=60)
    copies = Subset(dataset, [*range(60)] * 3)
    assert len(ShotSplitSampler(copies, 'few', seed=0)) == 180

"""The two streams of images of a bilateral batch."""

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmlt_plugin.datasets import (
    BilateralBatchSampler,
    ClassBalancedSampler,
    ClassPowerSampler,
    DeferredSampler,
    Digits,
    ReversedSampler,
)
from mmlt_plugin.errors import ConfigError
from tests.datasets.labels import Labels


def make_batches(dataset, batch_size, seed=0, epoch=0, **kwargs):
    sampler = DefaultSampler(dataset, seed=seed)
    sampler.set_epoch(epoch)
    return BilateralBatchSampler(sampler, batch_size, **kwargs)


@pytest.mark.parametrize('drop_last', [True, False])
@pytest.mark.parametrize('counts', [[9, 4, 3], [10, 4, 3]], ids=['even', 'odd'])
@pytest.mark.parametrize('batch_size', [1, 4, 5, 17, 40])
def test_bilateral_batches(drop_last, counts, batch_size):
    dataset = Labels(counts)
    batches = list(make_batches(dataset, batch_size, drop_last=drop_last))
    assert len(batches) == len(make_batches(dataset, batch_size, drop_last=drop_last))
    halves = [(b[: len(b) // 2], b[len(b) // 2 :]) for b in batches]
    uniform = [item for half, _ in halves for item in half]
    order = list(DefaultSampler(dataset, seed=0))
    assert uniform == order[: len(uniform)], 'each image once'
    assert len(uniform) == (
        len(dataset) // batch_size * batch_size if drop_last else len(dataset)
    )
    rebalanced = [item for _, half in halves for item in half]
    assert rebalanced == list(ReversedSampler(dataset, seed=0))[: len(rebalanced)]


@pytest.mark.parametrize(
    'other',
    [dict(type='ClassBalancedSampler'), dict(type='ClassPowerSampler', power=1)],
)
def test_other_samplers_for_the_second_half(other):
    dataset = Labels([900, 90, 10])
    batches = make_batches(dataset, 100, other=other)
    drawn = [item for batch in batches for item in batch[100:]]
    shares = np.bincount(dataset.labels[drawn]) / len(drawn)
    expected = [1 / 3] * 3 if 'power' not in other else [0.9, 0.09, 0.01]
    assert shares == pytest.approx(expected, abs=0.05)


def test_second_stream_changes_with_the_epoch():
    dataset = Labels([30, 5])
    first, second = (list(make_batches(dataset, 8, epoch=e)) for e in (0, 1))
    assert [b[8:] for b in first] != [b[8:] for b in second]


def batches_on_a_rank(rank, batch_size):
    return list(
        make_batches(Labels([60, 20, 5]), batch_size, seed=1, epoch=3, drop_last=True)
    )


@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_see_the_global_batches_of_one(gloo2):
    alone = batches_on_a_rank(0, 16)
    ranks = gloo2.run(batches_on_a_rank, 8)
    assert len(alone) == len(ranks[0]) == len(ranks[1])
    for whole, *parts in zip(alone, *ranks):
        for half in (slice(0, 8), slice(8, 16)):
            in_one = whole[:16] if half.start == 0 else whole[16:]
            in_two = [part[half] for part in parts]
            assert [item for pair in zip(*in_two) for item in pair] == in_one


class Items(Labels, torch.utils.data.Dataset):
    def full_init(self):
        pass


@pytest.mark.parametrize('num_workers', [0, 2])
def test_through_mmengines_loader_any_number_of_workers(num_workers):
    init_default_scope('mmpretrain')
    loader = Runner.build_dataloader(
        dict(
            batch_size=8,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
            dataset=Items([30, 5]),
            collate_fn=dict(type='default_collate'),
        ),
        seed=2,
    )
    for epoch in (0, 1):
        loader.batch_sampler.sampler.set_epoch(epoch)  # as DistSamplerSeedHook does
        expected = list(make_batches(Items([30, 5]), 8, 2, epoch, drop_last=True))
        assert [batch.tolist() for batch in loader] == expected


def test_the_first_stream_must_be_uniform():
    dataset = Digits(split='train')
    with pytest.raises(
        ConfigError, match=r'ClassBalancedSampler.*batch_sampler\.other'
    ):
        BilateralBatchSampler(ClassBalancedSampler(dataset, seed=0), batch_size=4)
    with pytest.raises(ConfigError, match=r'DeferredSampler.*batch_sampler\.other'):
        BilateralBatchSampler(
            DeferredSampler(dataset, action_epoch=2, seed=0), batch_size=4
        )
    uniform = ClassPowerSampler(dataset, power=1, seed=0)
    assert len(BilateralBatchSampler(uniform, batch_size=64, drop_last=True)) == 20
    with pytest.raises(ConfigError, match='use DefaultSampler'):
        BilateralBatchSampler(range(5), batch_size=4)


def test_the_second_stream_has_the_seed_of_the_first():
    dataset = Labels([9, 4, 3])
    (batch,) = make_batches(dataset, 16, seed=5)
    assert batch[16:] == list(ReversedSampler(dataset, seed=5))


def test_a_second_stream_that_is_shorter_begins_again():
    other = dict(type='ClassBalancedSampler', epoch_size=5)
    batches = make_batches(Labels([9, 4, 3]), 8, other=other)
    assert [len(batch) for batch in batches] == [16, 16]


def test_a_reversed_first_stream_is_refused():
    with pytest.raises(ConfigError):
        BilateralBatchSampler(ReversedSampler(Labels([5, 3]), seed=0), 4)

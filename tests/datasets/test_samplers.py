import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from scipy.stats import chisquare

from mmlt_plugin.datasets import (
    BilateralBatchSampler,
    ClassBalancedSampler,
    ClassPowerSampler,
    DeferredSampler,
    Digits,
    ReversedSampler,
    long_tailed_counts,
)
from mmlt_plugin.errors import ConfigError


class Labels:
    """A dataset that is nothing but its labels, in mixed order."""

    metainfo = dict(classes=())

    def __init__(self, counts, seed=0):
        labels = np.repeat(np.arange(len(counts)), counts)
        self.labels = np.random.default_rng(seed).permutation(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return idx

    def get_gt_labels(self):
        return self.labels


CIFAR100_LT = long_tailed_counts(50000, 100, 0.01)


@pytest.mark.parametrize('power', [1, 0.5, 0, -1, -0.3])
def test_frequencies_on_cifar100_lt(power):
    dataset = Labels(CIFAR100_LT)
    sampler = ClassPowerSampler(dataset, power=power, seed=1)
    drawn = np.concatenate([sampler.draw(epoch) for epoch in range(30)])
    weights = np.array([n**power for n in CIFAR100_LT])
    expected = weights / weights.sum() * len(drawn)
    observed = np.bincount(dataset.labels[drawn], minlength=100)
    assert chisquare(observed, expected).pvalue > 1e-3
    # Within a class every image is as likely as any other.
    tail = np.flatnonzero(dataset.labels == 95)
    images = np.bincount(drawn, minlength=len(dataset))[tail]
    if images.sum() > 5 * len(tail):
        assert chisquare(images).pvalue > 1e-3


def test_names_of_the_papers():
    dataset = Labels([50, 5])
    for name, probabilities in (
        (ClassBalancedSampler, [1 / 2, 1 / 2]),
        (ReversedSampler, [1 / 11, 10 / 11]),
    ):
        sampler = name(dataset, seed=0)
        assert sampler.class_probabilities == pytest.approx(probabilities)


def test_reversed_probabilities_of_cifar10_lt_if50():
    counts = long_tailed_counts(50000, 10, 0.02)
    published = [.0071, .0110, .0170, .0263, .0406, .0628, .0969, .1499, .2316, .3567]  # fmt: skip
    found = ReversedSampler(Labels(counts), seed=0).class_probabilities
    assert found == pytest.approx(published, abs=6e-5)


@pytest.mark.parametrize('counts', [[0, 5, 3], [5, 0, 3], [5, 3, 0]])
@pytest.mark.parametrize('power', [0, -1, 1])
def test_classes_without_images_are_never_drawn(counts, power):
    dataset = Labels(counts)
    sampler = ClassPowerSampler(dataset, power=power, seed=0)
    drawn = np.concatenate([sampler.draw(epoch) for epoch in range(50)])
    assert set(dataset.labels[drawn]) == set(np.flatnonzero(counts))
    assert sampler.class_probabilities[counts.index(0) :][:1].sum() == 0


def test_the_sequence_is_a_function_of_seed_and_epoch():
    dataset = Labels([20, 7, 3])
    sampler = ReversedSampler(dataset, seed=4)
    sampler.set_epoch(2)
    second = list(sampler)
    sampler.set_epoch(3)
    assert list(sampler) != second
    again = ReversedSampler(dataset, seed=4)
    again.set_epoch(2)
    assert list(again) == second
    assert list(ReversedSampler(dataset, seed=5)) != list(
        ReversedSampler(dataset, seed=4)
    )


def test_epochs_of_any_size():
    sampler = ClassBalancedSampler(Labels([20, 7, 3]), seed=0, epoch_size=3 * 20)
    assert len(sampler) == len(list(sampler)) == 60
    assert max(sampler) < 30
    with pytest.raises(ConfigError, match='epoch_size=0 of ClassBalancedSampler'):
        ClassBalancedSampler(Labels([20, 7, 3]), epoch_size=0)


@pytest.mark.parametrize('images_per_class', [2, 4])
def test_images_of_a_class_that_follow_one_another(images_per_class):
    dataset = Labels([40, 12, 4, 1])
    sampler = ClassBalancedSampler(
        dataset, seed=0, epoch_size=4000, images_per_class=images_per_class
    )
    assert len(sampler) == len(list(sampler)) == 4000
    turns = np.array(list(sampler)).reshape(-1, images_per_class)
    classes = dataset.labels[turns]
    assert (classes == classes[:, :1]).all()
    assert chisquare(np.bincount(classes[:, 0])).pvalue > 1e-3
    for turn, label in zip(turns, classes[:, 0]):
        assert len(set(turn)) == (1 if label == 3 else images_per_class)
    # Every image is as likely as any other, and all of them become neighbours.
    drawn = np.concatenate([sampler.draw(epoch) for epoch in range(100)])
    drawn = drawn[dataset.labels[drawn] == 1]
    images = np.flatnonzero(dataset.labels == 1)
    assert chisquare(np.bincount(drawn)[images]).pvalue > 1e-3
    neighbours = np.sort(drawn.reshape(-1, images_per_class)[:, :2])
    assert len(set(map(tuple, neighbours))) == 12 * 11 / 2


def test_ten_million_draws_are_vectorised():
    sampler = ReversedSampler(Labels([6000, 3000, 1000]), seed=0)
    sampler.total_size = 10_000_000
    drawn = sampler.draw(0)
    assert len(drawn) == 10_000_000
    assert drawn.max() < 10_000


def test_an_empty_dataset():
    with pytest.raises(ConfigError, match='no items'):
        ReversedSampler(Labels([0, 0]), seed=0)


def epoch_on_a_rank(rank, name, counts, round_up, epoch):
    sampler = dict(balanced=ClassBalancedSampler, reversed=ReversedSampler)[name]
    sampler = sampler(Labels(counts), seed=3, round_up=round_up)
    sampler.set_epoch(epoch)
    assert len(list(sampler)) == len(sampler)
    return list(sampler)


@pytest.mark.parametrize('name', ['balanced', 'reversed'])
@pytest.mark.parametrize('round_up', [True, False])
@pytest.mark.parametrize('counts', [[9, 4, 3], [10, 4, 3]], ids=['even', 'odd'])
@pytest.mark.promise('two ranks compute what one process does')
def test_ranks_together_draw_what_one_would(gloo2, name, round_up, counts):
    ranks = gloo2.run(epoch_on_a_rank, name, counts, round_up, 5)
    together = [None] * sum(map(len, ranks))
    for rank, items in enumerate(ranks):
        together[rank::2] = items
    alone = epoch_on_a_rank(0, name, counts, round_up, 5)
    assert together[: len(alone)] == alone
    assert len(together) - len(alone) == (round_up and sum(counts) % 2)


def turns_on_a_rank(rank, round_up, epoch_size):
    sampler = ClassBalancedSampler(
        Labels([9, 4, 3]),
        seed=3,
        round_up=round_up,
        epoch_size=epoch_size,
        images_per_class=3,
    )
    assert len(list(sampler)) == len(sampler)
    return list(sampler)


@pytest.mark.parametrize('round_up', [True, False])
@pytest.mark.parametrize('epoch_size', [18, 20, 23])
@pytest.mark.promise('two ranks compute what one process does')
def test_ranks_take_turns_by_class(gloo2, round_up, epoch_size):
    alone = turns_on_a_rank(0, round_up, epoch_size)
    ranks = [iter(rank) for rank in gloo2.run(turns_on_a_rank, round_up, epoch_size)]
    for start in range(0, len(alone), 3):
        turn = alone[start : start + 3]
        assert [next(ranks[start // 3 % 2]) for _ in turn] == turn


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


def test_without_a_seed_ranks_agree_on_one(monkeypatch):
    module = 'mmlt_plugin.datasets.samplers.class_power_sampler'
    monkeypatch.setattr(f'{module}.sync_random_seed', lambda: 7)
    assert ClassBalancedSampler(Labels([5, 3])).seed == 7

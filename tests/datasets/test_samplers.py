import numpy as np
import pytest
from scipy.stats import chisquare

from mmlt_plugin.datasets import (
    ClassBalancedSampler,
    ClassPowerSampler,
    ReversedSampler,
    long_tailed_counts,
)
from mmlt_plugin.errors import ConfigError
from tests.datasets.labels import Labels

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


def test_without_a_seed_ranks_agree_on_one(monkeypatch):
    module = 'mmlt_plugin.datasets.samplers.class_power_sampler'
    monkeypatch.setattr(f'{module}.sync_random_seed', lambda: 7)
    assert ClassBalancedSampler(Labels([5, 3])).seed == 7

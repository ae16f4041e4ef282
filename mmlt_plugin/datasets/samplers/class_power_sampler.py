"""Samplers that draw a class first and then one of its images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmpretrain.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from ...checks import check_number
from ...class_counts import training_class_counts
from ...errors import ConfigError
from ...labels import resolve_labels


@DATA_SAMPLERS.register_module()
class ClassPowerSampler(Sampler):
    r"""Draw class i with :math:`P_i \propto N_i^q`, then one of its images uniformly.

    Kang et al., ICLR 2020, Eq. 1, with any q: 1 draws images uniformly, 1/2 is square-root
    sampling, 0 class-balanced sampling (:class:`ClassBalancedSampler`) and -1 BBN's
    reversed sampling (:class:`ReversedSampler`). All draws are with replacement;
    classes without images are never drawn.

    The draws of an epoch are one sequence, a pure function of seed and epoch, of which rank
    r of R takes every R-th, beginning with the r-th. All ranks together thus see what one
    process would, regardless of workers and resuming.

    Args:
        dataset: The dataset, wrapped or not, which provides the labels.
        power: The exponent q.
        seed: Seed, the same on all ranks; None lets the ranks agree on a random one.
        round_up: Whether to draw a few more, so that all ranks get equally many.
        epoch_size: Draws in an epoch, summed over ranks; None is the length of the dataset.
        images_per_class: Number k of consecutive images from one class, all different if the
            class has as many, for losses that compare images of a class within a batch.
            Ranks take turns of k images, and with ``round_up`` an epoch has whole turns.
        min_images: Classes with fewer training images are not drawn.

    Raises:
        ConfigError: The dataset is empty, or an argument lies outside its range.

    Example:
        >>> from mmlt_plugin.datasets import ClassPowerSampler, Digits
        >>> sampler = ClassPowerSampler(Digits(split='train'), power=0.5, seed=0)
        >>> len(list(sampler))
        1297
    """

    def __init__(
        self,
        dataset: Any,
        power: float,
        seed: int | None = None,
        round_up: bool = True,
        epoch_size: int | None = None,
        images_per_class: int = 1,
        min_images: int = 0,
    ) -> None:
        owner = f'of {type(self).__name__}'
        check_number(f'power {owner}', power, '(-inf, inf)')
        if seed is not None:
            check_number(f'seed {owner}', seed, '[0, inf)', integer=True)
        if epoch_size is not None:
            check_number(f'epoch_size {owner}', epoch_size, '[1, inf)', integer=True)
        check_number(
            f'images_per_class {owner}', images_per_class, '[1, inf)', integer=True
        )
        check_number(f'min_images {owner}', min_images, '[0, inf)')
        self.dataset = dataset
        self.power = power
        self.images_per_class = images_per_class
        self.min_images = min_images
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()
        size = epoch_size or len(dataset)
        if round_up:
            turns = math.ceil(size / (self.world_size * images_per_class))
            self.num_samples = turns * images_per_class
            self.total_size = self.num_samples * self.world_size
        else:
            self.num_samples = self._own(np.arange(size)).size
            self.total_size = size
        labels = resolve_labels(dataset)
        if not len(labels):
            raise ConfigError(f'{type(self).__name__}: the dataset has no items')
        # Items sorted by class: class i has those from starts[i] on.
        self._items = np.argsort(labels, kind='stable')
        self._labels = labels[self._items]
        self._sizes = np.bincount(labels)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._is_drawn = self._sizes > 0
        if min_images:
            counts = training_class_counts(dataset, len(self._sizes))
            self._is_drawn &= counts >= min_images
            if not self._is_drawn.any():
                raise ConfigError(
                    f'min_images={min_images} {owner}: the most frequent class has '
                    f'{counts.max()} training images'
                )

    @property
    def class_probabilities(self) -> np.ndarray:
        """Probability of every class, float64; zero for classes that are never drawn."""
        drawn = self._is_drawn
        weights = np.zeros(len(self._sizes))
        weights[drawn] = (self._sizes[drawn] / self._sizes.max()) ** self.power
        return weights / weights.sum()

    def draw(self, epoch: int) -> np.ndarray:
        """Items drawn in an epoch by all ranks together, int64, (total_size,)."""
        # One row per draw, so that more draws do not change the earlier ones.
        turns = math.ceil(self.total_size / self.images_per_class)
        uniform = np.random.default_rng([self.seed, epoch]).random((turns, 2))
        bounds = np.cumsum(self.class_probabilities)
        last = np.flatnonzero(self._is_drawn)[-1]  # if rounding leaves the sum below 1
        classes = np.minimum(np.searchsorted(bounds, uniform[:, 0], side='right'), last)
        within = (uniform[:, 1] * self._sizes[classes]).astype(np.int64)
        if self.images_per_class == 1:
            return self._items[self._starts[classes] + within]
        # k consecutive images, from a random one on, of the class shuffled for this epoch.
        order = np.random.default_rng([self.seed, epoch, 1]).random(len(self._items))
        items = self._items[np.lexsort((order, self._labels))]
        next_ones = within[:, None] + np.arange(self.images_per_class)
        next_ones %= self._sizes[classes, None]
        return items[self._starts[classes, None] + next_ones].ravel()[: self.total_size]

    def _own(self, draws: np.ndarray) -> np.ndarray:
        """The draws of this rank."""
        turn = np.arange(len(draws)) // self.images_per_class
        return draws[turn % self.world_size == self.rank]

    def __iter__(self) -> Iterator[int]:
        return iter(self._own(self.draw(self.epoch)).tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the sequence; ``DistSamplerSeedHook`` calls it every epoch."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(ClassPowerSampler):
    """Draw every class equally often: re-sampling (RS) in the papers' tables.

    BBN Sec. 3; Kang et al., ICLR 2020. Arguments as in :class:`ClassPowerSampler`,
    without ``power``.

    Example:
        >>> from mmlt_plugin.datasets import ClassBalancedSampler, Digits
        >>> ClassBalancedSampler(Digits(split='train'), seed=0).class_probabilities[:3]
        array([0.1, 0.1, 0.1])
    """

    def __init__(self, dataset: Any, **kwargs: Any) -> None:
        super().__init__(dataset, power=0, **kwargs)


@DATA_SAMPLERS.register_module()
class ReversedSampler(ClassPowerSampler):
    r"""Draw rare classes more often than frequent ones, :math:`P_i \propto 1 / N_i`.

    BBN Eq. 4. A single image of class i thus has a probability proportional to
    :math:`1 / N_i^2`; weighting images with :math:`1 / N_i` is class-balanced sampling.
    Arguments as in :class:`ClassPowerSampler`, without ``power``.

    Example:
        >>> from mmlt_plugin.datasets import LongTailedDataset, ReversedSampler
        >>> dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
        >>> ReversedSampler(dataset, seed=0).class_probabilities.round(3)[[0, 9]]
        array([0.01 , 0.308])
    """

    def __init__(self, dataset: Any, **kwargs: Any) -> None:
        super().__init__(dataset, power=-1, **kwargs)

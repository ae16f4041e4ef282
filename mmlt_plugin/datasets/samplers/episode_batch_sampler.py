"""Batches in which some classes play few-shot classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmpretrain.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from ...checks import check_number
from ...errors import ConfigError
from ...labels import labels_and_images


@DATA_SAMPLERS.register_module()
class EpisodeBatchSampler(Sampler):
    """Draw episodes of few-shot learning.

    Gidaris and Komodakis, CVPR 2018, as in the released code. A batch begins with
    ``images_per_class`` different images of each of ``novel`` classes, class by class. The
    rest are images of other classes, each class equally likely, without repetition if the
    class has enough images. An epoch has as many batches as the sampler fills. Every rank has
    its own episodes, a pure function of seed, epoch and rank.

    Args:
        sampler: Provides dataset, seed, epoch and number of images; mmengine passes the
            dataloader's ``sampler``.
        batch_size: Images per episode; mmengine passes the dataloader's ``batch_size``.
        drop_last: Required by mmengine and ignored: all episodes are complete.
        novel: Number of classes that play few-shot classes.
        images_per_class: Images of each of them.
        min_images: Classes with fewer training images are not drawn.

    Raises:
        ConfigError: An argument lies outside its range, a batch has no room for other
            classes, there are too few classes, or the sampler has no epochs.

    Example:
        >>> from mmengine.dataset import DefaultSampler
        >>> from mmlt_plugin.datasets import Digits, EpisodeBatchSampler
        >>> dataset = Digits(split='train')
        >>> batches = EpisodeBatchSampler(
        ...     DefaultSampler(dataset, seed=0), 40, novel=3, images_per_class=8
        ... )
        >>> [len(set(dataset.get_gt_labels()[next(iter(batches))][:n])) for n in (8, 24)]
        [1, 3]
    """

    def __init__(
        self,
        sampler: Any,
        batch_size: int,
        drop_last: bool = True,
        novel: int = 1,
        images_per_class: int = 6,
        min_images: int = 20,
    ) -> None:
        for name, value in dict(novel=novel, images_per_class=images_per_class).items():
            check_number(
                f'{name} of EpisodeBatchSampler', value, '[1, inf)', integer=True
            )
        check_number(
            'min_images of EpisodeBatchSampler',
            min_images,
            f'[{images_per_class}, inf)',
        )
        check_number(
            'batch_size of EpisodeBatchSampler',
            batch_size,
            f'[{novel * images_per_class + 1}, inf)',
            integer=True,
            meaning='novel x images_per_class and some of other classes',
        )
        if not (hasattr(sampler, 'dataset') and hasattr(sampler, 'epoch')):
            raise ConfigError(
                'EpisodeBatchSampler needs a sampler with a dataset and epochs, and '
                f'{type(sampler).__name__} is none: use DefaultSampler'
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.novel = novel
        self.images_per_class = images_per_class
        self.min_images = min_images
        seed = getattr(sampler, 'seed', None)
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, _ = get_dist_info()
        labels, images = labels_and_images(sampler.dataset)
        # One item per image: its copies must not be both exemplar and query.
        _, items = np.unique(images, return_index=True)
        by_class = [items[labels[items] == c] for c in np.unique(labels)]
        self._items = [own for own in by_class if len(own) >= min_images]
        if len(self._items) <= novel:
            raise ConfigError(
                f'novel={novel} of EpisodeBatchSampler: {len(self._items)} classes have '
                f'min_images={min_images} training images, and one more than novel must'
            )

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng([self.seed, self.sampler.epoch, self.rank])
        for _ in range(len(self)):
            order = random.permutation(len(self._items))
            batch = []
            for c in order[: self.novel]:
                chosen = random.choice(
                    self._items[c], self.images_per_class, replace=False
                )
                batch += chosen.tolist()
            others = random.choice(order[self.novel :], self.batch_size - len(batch))
            for c, n in zip(*np.unique(others, return_counts=True)):
                own = self._items[c]
                batch += random.choice(own, n, replace=n > len(own)).tolist()
            yield batch

    def __len__(self) -> int:
        return len(self.sampler) // self.batch_size

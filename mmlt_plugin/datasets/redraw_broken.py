"""Training despite unreadable images."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.logging import print_log
from mmpretrain.registry import DATASETS

from ..checks import check_number
from ..errors import ConfigError
from ..labels import resolve_labels
from .dataset_wrapper import DatasetWrapper
from .reading import READ_ERRORS, can_be_read

#: mmengine's wrappers of which no subset can be taken.
INDIVISIBLE = (ClassBalancedDataset, ConcatDataset, RepeatDataset)


@DATASETS.register_module()
class RedrawBroken(DatasetWrapper):
    """Replace an image that cannot be read by another of its class.

    Without this wrapper a broken image ends the training with an error that names its path;
    ``tools/dataset/check.py`` lists all such files. If they cannot be repaired, the wrapper
    substitutes another image *of the same class*, the same one every time. mmengine's own
    refetching draws from all images, and so mostly from frequent classes, which would bias every
    re-balancing sampler.

    Args:
        dataset: The dataset, as a config dict or an instance.
        max_share: Largest share of the images that may be broken, in [0, 1], over all
            workers.

    Raises:
        ConfigError: More than ``max_share`` of the images are broken, or all of a class.

    Example:
        >>> from mmlt_plugin.datasets import RedrawBroken
        >>> len(RedrawBroken(dict(type='Digits', split='train')))
        1297
    """

    def __init__(self, dataset: Any, max_share: float = 0.01) -> None:
        check_number('max_share of RedrawBroken', max_share, '[0, 1]')
        super().__init__(dataset)
        self.max_share = max_share
        #: Which items are known to be broken, shared among the workers.
        self.broken = torch.zeros(len(self.dataset), dtype=torch.bool).share_memory_()

    def check_subsets(self) -> None:
        """Refuse a dataset that cannot be divided."""
        if isinstance(self.dataset, RedrawBroken):
            self.dataset.check_subsets()
        elif isinstance(self.dataset, INDIVISIBLE) or not hasattr(
            self.dataset, 'get_subset'
        ):
            raise ConfigError(
                f'RedrawBroken around {type(self.dataset).__name__} cannot lie within '
                'LongTailedDataset: put RedrawBroken around LongTailedDataset'
            )

    def get_subset(self, indices: Any) -> RedrawBroken:
        """Dataset of some of the items."""
        return type(self)(self.dataset.get_subset(indices), self.max_share)

    def __getitem__(self, idx: int) -> dict:
        sample = self._try(idx)
        if sample is not None:
            return sample
        labels = resolve_labels(self.dataset)
        others = np.flatnonzero(labels == labels[idx])
        for other in np.random.default_rng(idx).permutation(others):
            sample = None if self.broken[other] else self._try(int(other))
            if sample is not None:
                return sample
        raise ConfigError(
            f'no image of class {labels[idx]} can be read, including '
            f'{self._path(idx)}: repair the files of the training dataset'
        )

    def _try(self, idx: int) -> dict | None:
        """An item, or None if its image cannot be read; other errors are raised."""
        try:
            return self.dataset[idx]
        except READ_ERRORS as error:
            if can_be_read(self.dataset, idx):
                raise
            self._note(idx, error)
            return None

    def _path(self, idx: int) -> str:
        return str(self.dataset.get_data_info(idx).get('img_path', f'item {idx}'))

    def _note(self, idx: int, error: Exception) -> None:
        """Report a broken image once; raise if there are too many."""
        if self.broken[idx]:
            return
        self.broken[idx] = True
        number = int(self.broken.sum())
        print_log(
            f'{self._path(idx)} cannot be read ({error.__cause__ or error}), another image '
            f'of its class takes its place; {number} so far',
            'current',
            level=logging.WARNING,
        )
        if number > self.max_share * len(self.dataset):
            raise ConfigError(
                f'{number} of {len(self.dataset)} images cannot be read, '
                f'{self._path(idx)} among them, more than max_share={self.max_share}: '
                'tools/dataset/check.py lists them'
            )

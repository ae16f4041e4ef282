"""A sampler for one shot split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler
from mmpretrain.registry import DATA_SAMPLERS

from ...checks import check_choice
from ...class_counts import SHOT_SPLITS, shot_splits, training_class_counts
from ...errors import ConfigError
from ...labels import resolve_labels


@DATA_SAMPLERS.register_module()
class ShotSplitSampler(DefaultSampler):
    """Draw only images of many-, medium- or few-shot classes, each once per epoch.

    For models of a single split, such as the experts of LFME (Xiang et al., ECCV 2020,
    Sec. 3.1). In every epoch the order and the split among ranks are those of mmengine's
    ``DefaultSampler`` on that part of the dataset.

    Args:
        dataset: The dataset, wrapped or not, which provides the labels.
        split: ``many``, ``medium`` or ``few``.
        many: Classes with more training images are many-shot.
        few: Classes with fewer training images are few-shot.
        **kwargs: Arguments of ``DefaultSampler``: ``shuffle``, ``seed``, ``round_up``.

    Raises:
        ConfigError: The split is unknown or has no image.

    Example:
        >>> from mmlt_plugin.datasets import LongTailedDataset, ShotSplitSampler
        >>> dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
        >>> sampler = ShotSplitSampler(dataset, split='few', seed=0)
        >>> len(sampler), sorted({int(dataset.get_gt_labels()[i]) for i in sampler})
        (47, [5, 6, 7, 8, 9])
    """

    def __init__(
        self, dataset: Any, split: str, many: int = 100, few: int = 20, **kwargs: Any
    ) -> None:
        check_choice('split of ShotSplitSampler', split, SHOT_SPLITS)
        self.split = split
        self.many = many
        self.few = few
        labels = resolve_labels(dataset)
        counts = training_class_counts(dataset, int(labels.max(initial=-1)) + 1)
        classes = shot_splits(counts, many, few)[split]
        self.items = np.flatnonzero(np.isin(labels, classes))
        if not len(self.items):
            raise ConfigError(
                f'split={split!r} of ShotSplitSampler: no class of the training dataset '
                f'is {split}-shot with many={many} and few={few}'
            )
        super().__init__(self.items, **kwargs)

    def __iter__(self) -> Iterator[int]:
        return iter(self.items[list(super().__iter__())].tolist())

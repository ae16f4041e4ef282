"""A long-tailed subset of any dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmpretrain.registry import DATASETS

from ..checks import check_choice, check_number
from ..labels import resolve_labels
from .dataset_wrapper import DatasetWrapper
from .profiles import held_out_indices, long_tailed_counts, long_tailed_indices
from .redraw_broken import RedrawBroken


@DATASETS.register_module()
class LongTailedDataset(DatasetWrapper):
    """Keep a long-tailed subset of a dataset.

    Around CIFAR-10 or CIFAR-100 the defaults give, index for index, the CIFAR-LT of
    LDAM-DRW, BBN and ResLT (see :func:`long_tailed_indices`).

    Args:
        dataset: The whole dataset, as a config dict or an instance, which is not changed.
        imbalance_factor: Smallest over largest class size, in (0, 1]: 0.01 is an imbalance
            ratio of 100.
        profile: ``exp``, ``step`` or ``pareto``, see :func:`long_tailed_counts`.
        seed: Seed for the choice of images.
        pareto_power: Power of the ``pareto`` profile.
        holdout: Images per class that are held out first, to choose hyper-parameters on.
        subset: ``train``, or ``holdout`` for the images held out.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> from mmlt_plugin.datasets import LongTailedDataset
        >>> whole = dict(type='Digits', split='train')
        >>> len(LongTailedDataset(whole, imbalance_factor=1 / 32))
        390
    """

    def __init__(
        self,
        dataset: Any,
        imbalance_factor: float = 0.01,
        profile: str = 'exp',
        seed: int = 0,
        pareto_power: float = 6.0,
        holdout: int = 0,
        subset: str = 'train',
    ) -> None:
        self._profile: dict[str, Any] = dict(
            imbalance_factor=imbalance_factor,
            profile=profile,
            pareto_power=pareto_power,
        )
        check_choice('subset of LongTailedDataset', subset, ('train', 'holdout'))
        interval = '[1, inf)' if subset == 'holdout' else '[0, inf)'
        check_number('holdout of LongTailedDataset', holdout, interval, integer=True)
        self.seed = seed
        self.holdout = holdout
        self.subset = subset
        # Before the images are read, so that a wrong value does not cost a minute.
        long_tailed_counts(num_images=1, num_classes=1, **self._profile)
        super().__init__(dataset)

    def full_init(self) -> None:
        """Read the labels and choose the images to keep."""
        if hasattr(self, 'kept'):
            return
        super().full_init()
        labels = resolve_labels(self.dataset)
        num_classes = len(self.CLASSES) if self.CLASSES else int(labels.max()) + 1
        #: Index of every item in the whole dataset, int64, shape (len(self),).
        self.kept = self._choose(labels, num_classes)
        if isinstance(self.dataset, RedrawBroken):
            self.dataset.check_subsets()
        if isinstance(self.dataset, (BaseDataset, RedrawBroken)):
            # A separate dataset: the memory of the other images is freed, and a broken
            # image is never replaced by one from outside the subset.
            self.dataset = self.dataset.get_subset(self.kept.tolist())
            self.item_indices = np.arange(len(self.kept))
        else:
            self.item_indices = self.kept

    def _choose(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        held = np.empty(0, dtype=np.int64)
        if self.holdout:
            held = held_out_indices(labels, self.holdout, self.seed)
        if self.subset == 'holdout':
            return held
        rest = len(labels) - len(held)
        counts = long_tailed_counts(rest, num_classes, **self._profile)
        kept = long_tailed_indices(labels, counts, self.seed)
        return kept[~np.isin(kept, held)] if self.holdout else kept

    def get_subset(self, indices: int | Sequence[int]) -> Any:
        """Dataset of some items, or of the first or last n of them, as in mmengine."""
        if isinstance(indices, int):
            chosen = (
                self.item_indices[:indices]
                if indices >= 0
                else self.item_indices[indices:]
            )
        else:
            chosen = self.item_indices[list(indices)]
        return self.dataset.get_subset(chosen.tolist())

    def __getitem__(self, idx: int) -> dict:
        return self.dataset[int(self.item_indices[idx])]

    def __repr__(self) -> str:
        settings = ', '.join(f'{k}={v!r}' for k, v in self._profile.items())
        return f'{type(self).__name__}({settings}, seed={self.seed}) of\n{self.dataset}'

"""What OpenMMLab asks of a dataset that wraps another."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpretrain.registry import DATASETS

from ..labels import resolve_labels


class DatasetWrapper:
    """A dataset with the items of another, which a subclass serves in its own way.

    Args:
        dataset: The dataset, as a config dict or an instance.

    Example:
        >>> from mmlt_plugin.datasets.dataset_wrapper import DatasetWrapper
        >>> len(DatasetWrapper(dict(type='Digits', split='train')))
        1297
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.full_init()

    def full_init(self) -> None:
        """Read the annotations."""
        self.dataset.full_init()
        #: Item of the wrapped dataset that each item is, for counts and other wrappers.
        self.item_indices = np.arange(len(self.dataset))

    @property
    def metainfo(self) -> dict:
        """Meta information of the wrapped dataset."""
        return self.dataset.metainfo

    @property
    def CLASSES(self) -> Any:
        """Names of the classes in label order."""
        return self.metainfo.get('classes')

    def get_gt_labels(self) -> np.ndarray:
        """Label of every item, int64."""
        return resolve_labels(self.dataset)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one item, as a list of length 1."""
        return [int(self.get_gt_labels()[idx])]

    def get_data_info(self, idx: int) -> dict:
        """Annotation of one item."""
        return self.dataset.get_data_info(idx)

    def __len__(self) -> int:
        return len(self.dataset)

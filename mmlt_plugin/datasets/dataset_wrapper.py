"""The interface that OpenMMLab expects of a dataset that wraps another."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpretrain.registry import DATASETS

from ..labels import resolve_labels


class DatasetWrapper:
    """A dataset made of another one's items, which subclasses choose or serve differently.

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
        """Read the annotations, once."""
        if hasattr(self, 'item_indices'):
            return
        self.dataset.full_init()
        #: Index of every item in the wrapped dataset, int64, shape (len(self),).
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
        """Label of every item, int64, shape (len(self),)."""
        return resolve_labels(self.dataset)[self.item_indices]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one item, as a list of length 1."""
        return [int(resolve_labels(self)[idx])]

    def get_data_info(self, idx: int) -> dict:
        """Annotation of one item."""
        return self.dataset.get_data_info(int(self.item_indices[idx]))

    def __len__(self) -> int:
        return len(self.item_indices)

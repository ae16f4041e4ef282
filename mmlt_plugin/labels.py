"""Labels of the items of any dataset, through any nest of dataset wrappers."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from mmengine.dataset import (
    ClassBalancedDataset,
    ConcatDataset,
    RepeatDataset,
)
from mmengine.runner.runner import _SlicedDataset
from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import Subset

from .errors import ConfigError

# Reading the labels of a dataset unpickles every item, so it is done only once.
_cache: weakref.WeakKeyDictionary[Any, tuple[np.ndarray, np.ndarray]] = (
    weakref.WeakKeyDictionary()
)


def resolve_labels(dataset: Any) -> np.ndarray:
    """Label of every item of a dataset, through any nest of dataset wrappers.

    Supports mmengine's and PyTorch's concatenation, repetition, class balancing and
    subsets, and every dataset with ``get_gt_labels`` or ``get_cat_ids``.

    Args:
        dataset: A dataset whose items have exactly one label each.

    Returns:
        np.ndarray: int64 labels, shape (len(dataset),), in item order.

    Raises:
        ConfigError: The dataset tells no labels, or an item has several.

    Example:
        >>> from mmlt_plugin.labels import resolve_labels
        >>> from mmlt_plugin.datasets import Digits
        >>> resolve_labels(Digits(split='train'))[:5]
        array([0, 1, 2, 3, 4])
    """
    return labels_and_images(dataset)[0]


def labels_and_images(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Label of every item of a dataset, and which distinct image it is.

    Args:
        dataset: A dataset whose items have exactly one label each.

    Returns:
        tuple: Two int64 arrays, (len(dataset),): labels, and image numbers, which are equal
        for items that a wrapper repeats.

    Raises:
        ConfigError: The dataset tells no labels, or an item has several.

    Example:
        >>> from mmengine.dataset import RepeatDataset
        >>> from mmlt_plugin.datasets import Digits
        >>> from mmlt_plugin.labels import labels_and_images
        >>> labels, images = labels_and_images(RepeatDataset(Digits(split='train'), 2))
        >>> len(labels), int(images.max())
        (2594, 1296)
    """
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    if (whole := whole_of_slice(dataset)) is not dataset:
        labels, ids = labels_and_images(whole)
        return labels[: len(dataset)], ids[: len(dataset)]
    if isinstance(dataset, (ConcatDataset, TorchConcatDataset)):
        parts = [labels_and_images(part) for part in dataset.datasets]
        starts: dict[int, int] = {}  # a dataset that occurs twice has its images once
        end = 0
        for part, (_, ids) in zip(dataset.datasets, parts):
            if id(part) not in starts:
                starts[id(part)] = end
                end += int(ids.max(initial=-1)) + 1
        shifts = [starts[id(part)] for part in dataset.datasets]
        return (
            np.concatenate([labels for labels, _ in parts]),
            np.concatenate([ids + shift for (_, ids), shift in zip(parts, shifts)]),
        )
    if isinstance(dataset, RepeatDataset):
        labels, ids = labels_and_images(dataset.dataset)
        return np.tile(labels, dataset.times), np.tile(ids, dataset.times)
    if isinstance(dataset, (ClassBalancedDataset, Subset)):
        labels, ids = labels_and_images(dataset.dataset)
        if isinstance(dataset, ClassBalancedDataset):
            items = dataset.repeat_indices
        else:
            items = dataset.indices
        items = np.asarray(items, dtype=np.int64)
        return labels[items], ids[items]
    cached = _cache.get(dataset)
    if cached is None or len(cached[0]) != len(dataset):
        if hasattr(dataset, 'item_indices'):  # a wrapper, maybe with its own labels
            ids = labels_and_images(dataset.dataset)[1][dataset.item_indices]
        else:
            ids = np.arange(len(dataset))
        cached = _cache[dataset] = _own_labels(dataset), ids
    return cached


def whole_of_slice(dataset: Any) -> Any:
    """The dataset behind a slice made by ``num_batch_per_epoch``; any other is returned as is.

    Example:
        >>> from mmlt_plugin.labels import whole_of_slice
        >>> whole_of_slice([1, 2])
        [1, 2]
    """
    # The slice forwards all attributes of the whole, so it would have too many labels.
    return dataset._dataset if isinstance(dataset, _SlicedDataset) else dataset


def _own_labels(dataset: Any) -> np.ndarray:
    """The labels that a dataset itself provides, as a read-only array."""
    if hasattr(dataset, 'get_gt_labels'):
        try:
            labels = np.asarray(dataset.get_gt_labels())
        except ValueError:  # lists of labels of different lengths
            labels = np.empty(0)
    elif hasattr(dataset, 'get_cat_ids'):
        categories = [dataset.get_cat_ids(i) for i in range(len(dataset))]
        if any(len(category) != 1 for category in categories):
            categories = [[]]
        labels = np.asarray(categories).reshape(-1)
    else:
        raise ConfigError(
            f'{type(dataset).__name__} tells no labels: it needs a method '
            'get_gt_labels() or get_cat_ids(idx)'
        )
    if labels.shape != (len(dataset),) or labels.dtype.kind not in 'iu':
        raise ConfigError(
            f'{type(dataset).__name__} must have exactly one integer label an item'
        )
    labels = labels.astype(np.int64)
    labels.setflags(write=False)
    return labels

"""A short hash of the images and labels of a dataset."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from torch.utils.data import ConcatDataset, Subset

from .labels import resolve_labels


def data_fingerprint(dataset: Any) -> str:
    """Hash of the images and labels of a dataset, in item order.

    Images on disk contribute the last two parts of their path, folder and file name; images
    in memory contribute their pixels. The same data thus have the same fingerprint on every
    machine. A dataset without ``get_data_info`` contributes only its labels.

    Args:
        dataset: A dataset, through any nest of wrappers.

    Returns:
        str: 16 hexadecimal digits.

    Example:
        >>> from mmlt_plugin.datasets import Digits
        >>> from mmlt_plugin.fingerprint import data_fingerprint
        >>> len(data_fingerprint(Digits(split='train')))
        16
    """
    digest = hashlib.sha256(resolve_labels(dataset).tobytes())
    for item in range(len(dataset)):
        info = _info(dataset, item)
        if 'img' in info:
            digest.update(np.ascontiguousarray(info['img']).tobytes())
        else:
            name = str(info.get('img_path', '')).split('/')[-2:]
            # File names need not be UTF-8.
            digest.update('/'.join(name).encode(errors='surrogateescape'))
    return digest.hexdigest()[:16]


def _info(dataset: Any, item: int) -> dict:
    """Annotation of an item, also within PyTorch's wrappers."""
    if hasattr(dataset, 'get_data_info'):
        return dataset.get_data_info(item)
    if isinstance(dataset, Subset):
        return _info(dataset.dataset, int(dataset.indices[item]))
    if isinstance(dataset, ConcatDataset):
        part = int(np.searchsorted(dataset.cumulative_sizes, item, side='right'))
        before = dataset.cumulative_sizes[part - 1] if part else 0
        return _info(dataset.datasets[part], item - before)
    return {}

"""A dataset in sixteen letters."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .class_counts import resolve_labels


def data_fingerprint(dataset: Any) -> str:
    """Hash of the images and labels of a dataset, in item order.

    Of images on disk the names enter, without the folder they are under; of images in
    memory the pixels. So the same data have the same fingerprint on every machine.

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
        info = dataset.get_data_info(item)
        if 'img' in info:
            digest.update(np.ascontiguousarray(info['img']).tobytes())
        else:
            name = str(info.get('img_path', '')).split('/')[-2:]
            digest.update('/'.join(name).encode())
    return digest.hexdigest()[:16]

"""Tells image files that cannot be read from other errors."""

from __future__ import annotations

from typing import Any

import cv2

from .pipelines import datasets_with_pipeline

#: What reading a missing, truncated or undecodable image raises, by backend; transforms
#: with a mistake raise some of them too.
READ_ERRORS = (
    OSError, cv2.error, AssertionError, AttributeError, SyntaxError, ValueError,
)  # fmt: skip


def can_be_read(dataset: Any, idx: int) -> bool:
    """Whether the image of an item can be loaded, so that its error came later.

    Args:
        dataset: A dataset, wrapped or not, whose pipelines begin with loading.
        idx: The item.

    Returns:
        bool: False also where there is no pipeline to tell.

    Example:
        >>> from mmlt_plugin.datasets import Digits
        >>> from mmlt_plugin.datasets.reading import can_be_read
        >>> can_be_read(Digits(split='train', pipeline=[dict(type='PackInputs')]), 0)
        True
    """
    leaf = next(datasets_with_pipeline(dataset), None)
    if leaf is None:
        return False
    info = dataset.get_data_info(idx)
    try:
        for load in leaf.pipeline.transforms[:1]:
            load(info)
    except READ_ERRORS:
        return False
    return True

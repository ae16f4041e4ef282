"""Tells unreadable image files from other errors."""

from __future__ import annotations

from typing import Any

import cv2

from .pipelines import datasets_with_pipeline

#: What the backends raise for a missing, truncated or undecodable image. Faulty transforms
#: raise some of these too.
READ_ERRORS = (
    OSError, cv2.error, AssertionError, AttributeError, SyntaxError, ValueError,
)  # fmt: skip


def can_be_read(dataset: Any, idx: int) -> bool:
    """Whether the image of an item can be loaded, so that an error must have come later.

    Args:
        dataset: A dataset, wrapped or not, whose pipelines begin by loading the image.
        idx: The item.

    Returns:
        bool: False also if there is no pipeline.

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

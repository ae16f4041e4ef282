"""LFME's curriculum: how easy training images are, by the experts' confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_easiness(counts: np.ndarray, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Initial easiness of the hardest image of every class.

    Args:
        counts: Training images per class, (C,).
        parts: Class ids of each expert.

    Returns:
        np.ndarray: The smallest mean ``counts`` of any expert over that of the class's own
        expert, (C,); 1 for classes without an expert.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.engine.curriculum import first_easiness
        >>> first_easiness(np.array([300, 100, 10, 5]), [np.array([0, 1]), np.array([2])])
        array([0.05, 0.05, 1.  , 1.  ])
    """
    means = [counts[classes].mean() for classes in parts]
    start = np.ones(len(counts))
    for classes, mean in zip(parts, means):
        start[classes] = min(means) / mean
    return start


def within_classes(
    confidence: np.ndarray, label: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Scale the confidences of images within each class to the range from ``start`` to 1.

    Args:
        confidence: Confidence of every image, (I,).
        label: Labels, (I,); -1 for numbers that no image has.
        start: Lower end of every class's range, (C,).

    Returns:
        np.ndarray: Easiness (I,); 1 if all images of a class have the same confidence.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.engine.curriculum import within_classes
        >>> label, start = np.array([0, 0, 0, 1]), np.array([0.5, 0.1])
        >>> within_classes(np.array([0.2, 0.4, 0.6, 0.3]), label, start)
        array([0.5 , 0.75, 1.  , 1.  ])
    """
    easiness = np.ones(len(confidence))
    for c, lowest in enumerate(start):
        own = label == c
        if not own.any():
            continue
        low, high = confidence[own].min(), confidence[own].max()
        if high > low:
            share = (confidence[own] - low) / (high - low)
            easiness[own] = lowest + (1 - lowest) * share
    return easiness

"""How easy training images are by experts' confidence: LFME's curriculum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def first_easiness(counts: np.ndarray, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Easiness of every class's hardest image when the training starts.

    Args:
        counts: Training images per class, (C,).
        parts: Class ids of each expert.

    Returns:
        np.ndarray: The smallest mean of an expert's ``counts`` over that of the class's
        own, (C,); 1 for classes without an expert.

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
    """Confidences of images scaled within their classes, the least to ``start``.

    Args:
        confidence: Of every image, (I,).
        label: Their labels, (I,); -1 for numbers that no image has.
        start: For every class where its range begins, (C,); it ends at 1.

    Returns:
        np.ndarray: Easiness (I,); 1 where all images of a class are alike.

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

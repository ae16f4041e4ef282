"""How easy the training images are for experts: LFME's curriculum instance selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object

from ..datasets.bulk import image_numbers
from ..errors import ConfigError
from ..models.heads import stack_targets


@torch.no_grad()
def confidences(
    experts: Sequence[Any], dataloader: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Probability that the class of an image has for the expert of its split.

    Args:
        experts: Classifiers with a ``ShotSplitHead``, in evaluation mode.
        dataloader: Batches of labelled images, on every rank other ones.

    Returns:
        tuple: Confidences by ``sample_idx``, 0 for classes without an expert, and labels,
        -1 for numbers that no image has.

    Raises:
        ConfigError: Images of two classes have the same number.
    """
    numbers: list[int] = []
    columns = []
    for batch in dataloader:
        batch = experts[0].data_preprocessor(batch, training=False)
        label = stack_targets(batch['data_samples'])
        logits = [
            expert.head(expert.extract_feat(batch['inputs'])) for expert in experts
        ]
        probability = torch.stack([z.double().softmax(1) for z in logits]).sum(0)
        found = probability.gather(1, label[:, None])[:, 0]
        columns.append(torch.stack([label.to(found), found]).cpu().numpy())
        numbers += image_numbers(batch['data_samples'])
    shares = all_gather_object(
        (numbers, np.concatenate([np.empty((2, 0)), *columns], axis=1))
    )
    place = np.concatenate([np.asarray(share[0], dtype=np.int64) for share in shares])
    label, found = np.concatenate([share[1] for share in shares], axis=1)
    table = np.full(place.max() + 1, -1)
    table[place] = label
    if len(clash := place[table[place] != label]):
        raise ConfigError(
            f'two training images of different classes have the sample_idx {clash[0]}: LFME '
            'tells images apart by it, so it cannot train on concatenated datasets'
        )
    # An image that is in the dataset several times has the mean.
    times = np.bincount(place)
    return np.bincount(place, found) / np.maximum(times, 1), table


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

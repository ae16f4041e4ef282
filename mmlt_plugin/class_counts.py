"""Training images per class, and what follows from them.

Groups, samplers, re-weighted losses and shot splits all start from ``counts``: an
int64 vector of length ``num_classes`` in label order, in which zero is legal anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks import check_number
from .errors import ConfigError
from .labels import labels_and_images

#: Names of the shot splits, from the most images per class to the fewest.
SHOT_SPLITS = ('many', 'medium', 'few')


def training_class_counts(dataset: Any, num_classes: int) -> np.ndarray:
    """Number of distinct training images of every class.

    An image that a wrapper repeats counts once: repetition changes how often a class
    is drawn, not how many images there are to learn from.

    Args:
        dataset: The training dataset, wrapped or not.
        num_classes: Number of classes C.

    Returns:
        np.ndarray: int64 counts, shape (C,), in label order; classes without an image
        have zero.

    Raises:
        ConfigError: A label lies outside 0..C-1.

    Example:
        >>> from mmlt_plugin.class_counts import training_class_counts
        >>> from mmlt_plugin.datasets import Digits
        >>> training_class_counts(Digits(split='train'), num_classes=10)
        array([128, 132, 127, 133, 131, 132, 131, 129, 124, 130])
    """
    labels, images = labels_and_images(dataset)
    bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(bad):
        raise ConfigError(
            f'label {labels[bad[0]]} of item {bad[0]} of the training dataset '
            f'({type(dataset).__name__}) lies outside 0..{num_classes - 1} '
            f'(num_classes={num_classes})'
        )
    _, first = np.unique(images, return_index=True)
    return np.bincount(labels[first], minlength=num_classes).astype(np.int64)


def shot_splits(
    counts: Sequence[int] | np.ndarray, many: int = 100, few: int = 20
) -> dict[str, np.ndarray]:
    """Split the classes by how many training images they have.

    Liu et al., CVPR 2019: many-shot classes have more than ``many`` images, few-shot
    classes fewer than ``few``, medium-shot classes the rest, both bounds included.

    Args:
        counts: Training images per class, shape (C,).
        many: Upper bound of medium, in images.
        few: Lower bound of medium, in images; 0 <= few <= many.

    Returns:
        dict: ``many``, ``medium`` and ``few``, each an int64 array of class ids.

    Raises:
        ConfigError: ``few`` > ``many``, or ``few`` is negative.

    Example:
        >>> from mmlt_plugin.class_counts import shot_splits
        >>> shot_splits([101, 100, 20, 19, 0])['medium']
        array([1, 2])
    """
    for name, value in (('few', few), ('many', many)):
        check_number(name, value, '[0, inf)')
    if few > many:
        raise ConfigError(
            f'shot thresholds few={few}, many={many} need 0 <= few <= many'
        )
    counts = np.asarray(counts)
    return {
        'many': np.flatnonzero(counts > many),
        'medium': np.flatnonzero((counts <= many) & (counts >= few)),
        'few': np.flatnonzero(counts < few),
    }


def by_frequency(counts: np.ndarray) -> np.ndarray:
    """Class ids from the most to the least frequent, ties by id.

    Args:
        counts: Training images per class, (C,).

    Returns:
        np.ndarray: int64 class ids, (C,).

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.class_counts import by_frequency
        >>> by_frequency(np.array([5, 90, 5]))
        array([1, 0, 2])
    """
    return np.argsort(-counts, kind='stable')


def class_groups(
    counts: Sequence[int] | np.ndarray, groups: int | Sequence[int]
) -> list[np.ndarray]:
    r"""Divide the classes into groups from most to least frequent.

    With a number G the groups get equal internal imbalance, ResLT's rule (Sec. 3.1):
    with :math:`R = N_{max} / N_{min}` group g holds the classes with
    :math:`N_{max} R^{-(g+1)/G} < N_i \le N_{max} R^{-g/G}`. The last group also holds the
    classes with :math:`N_{min}` images and those without images, which are ignored for
    :math:`N_{min}`. If all classes are equally large, all are in the last group. With a
    sequence the groups have those sizes. Ties are broken by class id.

    Args:
        counts: Training images per class, shape (C,).
        groups: Number of groups, or their sizes, which sum to C.

    Returns:
        list[np.ndarray]: The int64 class ids of each group, by descending count. With the
        equal-imbalance rule a group can be empty.

    Raises:
        ConfigError: The number is not positive, there are fewer than two sizes, one is not
            positive, or they do not sum to C, or no class has an image.

    Example:
        >>> from mmlt_plugin.class_counts import class_groups
        >>> [group.tolist() for group in class_groups([5, 500, 60, 0], groups=2)]
        [[1, 2], [0, 3]]
        >>> [group.tolist() for group in class_groups([5, 500, 60, 0], groups=[1, 3])]
        [[1], [2, 0, 3]]
    """
    counts = np.asarray(counts)
    order = by_frequency(counts)
    if isinstance(groups, (int, np.integer)):
        groups = int(groups)
        check_number('groups', groups, '[1, inf)', integer=True)
        present = counts[counts > 0]
        if not len(present):
            raise ConfigError('groups: no class of the training dataset has an image')
        largest, smallest = int(present.max()), int(present.min())
        # Both sides of the rule to the power of G, in integers, as a count can lie on a cut.
        powers = [int(count) ** groups for count in counts]
        cuts = [largest ** (groups - g) * smallest**g for g in range(1, groups)]
        above = [sum(power > cut for power in powers) for cut in cuts]
        sizes = np.diff([0, *above, len(counts)])
    else:
        check_group_sizes(groups, len(counts))
        sizes = np.asarray(groups)
    return np.split(order, np.cumsum(sizes)[:-1])


def check_group_sizes(groups: Sequence[int], num_classes: int) -> None:
    """Refuse group sizes that do not partition the classes.

    Args:
        groups: Number of classes of each group.
        num_classes: Number of classes C.

    Raises:
        ConfigError: There are fewer than two sizes, one is not positive, or they do not
            sum to C.

    Example:
        >>> from mmlt_plugin.class_counts import check_group_sizes
        >>> check_group_sizes([2, 2, 6], num_classes=10)
    """
    integers = all(isinstance(size, (int, np.integer)) for size in groups)
    if not integers or len(groups) < 2 or min(groups) < 1 or sum(groups) != num_classes:
        raise ConfigError(
            f'groups={list(groups)} must be two or more positive sizes that sum to '
            f'num_classes={num_classes}'
        )


def classes_without_images(counts: np.ndarray, names: Sequence[str]) -> str:
    """A sentence that names the classes without training images; empty if there are none.

    Args:
        counts: Training images per class, (C,).
        names: Class names in label order; if empty, ids are shown.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.class_counts import classes_without_images
        >>> classes_without_images(np.array([3, 0, 2]), names=[])
        '1 of 3 classes has no training image: 1'
    """
    absent = np.flatnonzero(counts == 0)
    if not len(absent):
        return ''
    shown_as = names or range(len(counts))
    shown = ', '.join(str(shown_as[c]) for c in absent[:10])
    return (
        f'{len(absent)} of {len(counts)} classes {"has" if len(absent) == 1 else "have"} no '
        f'training image: {shown}' + (', ...' if len(absent) > 10 else '')
    )


def brief(counts: np.ndarray) -> str:
    """Counts (C,) as a short text.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.class_counts import brief
        >>> brief(np.array([5, 3])), brief(np.arange(12))
        ('[5, 3]', '66 in 12 classes, 0 to 11')
    """
    if len(counts) <= 10:
        return str(counts.tolist())
    return f'{counts.sum()} in {len(counts)} classes, {counts.min()} to {counts.max()}'

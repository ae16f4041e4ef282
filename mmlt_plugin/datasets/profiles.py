"""Long-tailed class sizes, and the community's choice of images."""

from __future__ import annotations

import numpy as np

from ..checks import check_choice, check_number
from ..errors import ConfigError

PROFILES = ('exp', 'step', 'pareto')


def long_tailed_counts(
    num_images: int,
    num_classes: int,
    imbalance_factor: float,
    profile: str = 'exp',
    pareto_power: float = 6.0,
) -> list[int]:
    r"""Images per class of a long-tailed subset; class 0 is the most frequent.

    With :math:`N_0` = num_images / C, :math:`\beta` the imbalance factor
    :math:`N_{min} / N_{max}` and :math:`t = i / (C - 1)`, each truncated to an integer:

    - ``exp``: :math:`N_i = N_0 \beta^t` (Cui et al., CVPR 2019),
    - ``step``: :math:`N_0` for the first half of the classes, :math:`N_0 \beta` for
      the rest (Buda et al., 2018),
    - ``pareto``: :math:`N_i = N_0 (1 + t (\beta^{-1/p} - 1))^{-p}`, a Pareto tail of
      power p that ends at :math:`\beta`; ImageNet-LT and Places-LT have p = 6.

    Args:
        num_images: Images of the whole, balanced data set.
        num_classes: Number of classes C.
        imbalance_factor: :math:`\beta` in (0, 1].
        profile: ``exp``, ``step`` or ``pareto``.
        pareto_power: p > 0, only for ``pareto``.

    Returns:
        list[int]: Images per class, length C.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> from mmlt_plugin.datasets import long_tailed_counts
        >>> long_tailed_counts(50000, 10, 0.01)
        [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    """
    check_choice('profile', profile, PROFILES)
    meaning = 'it is the smallest class size over the largest'
    check_number('imbalance_factor', imbalance_factor, '(0, 1]', meaning=meaning)
    check_number('pareto_power', pareto_power, '(0, inf)')
    largest = num_images / num_classes
    # Python floats, not NumPy: the published subsets depend on the last bit.
    steps = [i / max(num_classes - 1.0, 1.0) for i in range(num_classes)]
    if profile == 'exp':
        return [int(largest * imbalance_factor**t) for t in steps]
    if profile == 'step':
        head = num_classes // 2
        tail = num_classes - head
        return [int(largest)] * head + [int(largest * imbalance_factor)] * tail
    stretch = imbalance_factor ** (-1 / pareto_power) - 1
    return [int(largest * (1 + t * stretch) ** -pareto_power) for t in steps]


def long_tailed_indices(
    labels: np.ndarray, counts: list[int], seed: int = 0
) -> np.ndarray:
    """Choose the images to keep, like the community's CIFAR-LT generator.

    One legacy NumPy generator shuffles the images of class 0, 1, ... in turn, and the
    first ``counts[c]`` of each are kept, in shuffled order. Seed 0 gives the subset that
    LDAM-DRW, BBN, ResLT and most later papers train on.

    Args:
        labels: Label of every image, shape (N,).
        counts: Images to keep per class; a class with fewer keeps all.
        seed: Seed of the generator.

    Returns:
        np.ndarray: int64 item indices, class after class.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.datasets import long_tailed_indices
        >>> long_tailed_indices(np.array([0, 1, 0, 1]), [2, 1])
        array([2, 0, 1])
    """
    generator = np.random.RandomState(seed)  # the published stream
    kept = []
    for label, count in enumerate(counts):
        images = np.flatnonzero(labels == label)
        generator.shuffle(images)
        kept.append(images[:count])
    return np.concatenate(kept)


def held_out_indices(labels: np.ndarray, images: int, seed: int = 0) -> np.ndarray:
    """Choose images of every class to hold out, for choosing hyper-parameters.

    They are the last ones of the order whose first ones :func:`long_tailed_indices` takes.

    Args:
        labels: Label of every image, shape (N,).
        images: Images to hold out per class.
        seed: Seed of the generator.

    Returns:
        np.ndarray: int64 item indices, class after class.

    Raises:
        ConfigError: A class would have no image left to train on.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.datasets import held_out_indices
        >>> held_out_indices(np.array([0, 1, 0, 1]), images=1)
        array([0, 3])
    """
    sizes = np.bincount(labels)
    smallest = np.where(sizes > 0, sizes, sizes.max() + 1).argmin()
    if sizes[smallest] <= images:
        raise ConfigError(
            f'holdout={images} leaves class {smallest} of {sizes[smallest]} images '
            'nothing to train on'
        )
    order = long_tailed_indices(labels, sizes.tolist(), seed)
    parts = np.split(order, np.cumsum(sizes)[:-1])
    return np.concatenate([part[len(part) - images :] for part in parts if len(part)])

"""Names and number of classes, on which datasets and model must agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from .errors import ConfigError
from .weights import unwrapped


def names_of(dataset: Any) -> Sequence[str]:
    """Class names of a dataset in label order; empty if it has none.

    Example:
        >>> from mmlt_plugin.class_names import names_of
        >>> from mmlt_plugin.datasets import Digits
        >>> names_of(Digits(split='test'))[:3]
        ('0', '1', '2')
    """
    return getattr(dataset, 'metainfo', {}).get('classes') or ()


def placeholders(number: int) -> tuple[str, ...]:
    """Names for classes whose names are unknown; they agree with any others.

    Example:
        >>> from mmlt_plugin.class_names import placeholders
        >>> placeholders(2)
        ('class 0', 'class 1')
    """
    return tuple(f'class {label}' for label in range(number))


def first_difference(ours: Sequence[str], theirs: Sequence[str]) -> int | None:
    """First label at which two lists of class names differ.

    Args:
        ours: Names in label order; empty if unknown.
        theirs: The other names.

    Returns:
        int | None: None if they agree or if one of them may not be names: an empty list,
        :func:`placeholders`, or numbers where the other has none.

    Example:
        >>> from mmlt_plugin.class_names import first_difference
        >>> first_difference(['cat', 'dog'], ['cat', 'cow'])
        1
    """
    if not ours or not theirs:
        return None
    if any(tuple(names) == placeholders(len(names)) for names in (ours, theirs)):
        return None
    numbers = [all(str(name).isdigit() for name in names) for names in (ours, theirs)]
    if numbers[0] != numbers[1]:
        return None
    pairs = zip_longest(ours, theirs)
    return next((label for label, (a, b) in enumerate(pairs) if a != b), None)


def check_names(trained: Sequence[str], tested: Sequence[str]) -> None:
    """Refuse to evaluate on data whose labels stand for other classes.

    Args:
        trained: Class names of the training data in label order; empty if unknown.
        tested: Class names of the data to evaluate on.

    Raises:
        ConfigError: Names the first label that differs.

    Example:
        >>> from mmlt_plugin.class_names import check_names
        >>> check_names(['cat', 'dog'], ['cat', 'dog'])
    """
    label = first_difference(trained, tested)
    if label is not None:
        ours, theirs = (
            repr(names[label]) if label < len(names) else 'no class'
            for names in (trained, tested)
        )
        raise ConfigError(
            f'label {label} is {ours} in training and {theirs} in the data to evaluate on: '
            'give both the same classes, in the same order'
        )


def number_of_classes(model: Any, dataset: Any) -> int:
    """Number of classes according to model and dataset.

    Args:
        model: Every submodule with an integer ``num_classes`` counts.
        dataset: Its ``metainfo['classes']`` counts.

    Returns:
        int: Number of classes C.

    Raises:
        ConfigError: They disagree, or neither says.

    Example:
        >>> from torch import nn
        >>> from mmlt_plugin.class_names import number_of_classes
        >>> from mmlt_plugin.datasets import Digits
        >>> number_of_classes(nn.Linear(64, 10), Digits(split='test'))
        10
    """
    model = unwrapped(model)
    stated = {
        # mmpretrain keeps the preprocessor's config outside that of the model.
        f'{"" if name == "data_preprocessor" else "model."}{name}.num_classes': number
        for name, module in model.named_modules()
        # -1 is the value of backbones without a classifier of their own.
        if isinstance(number := getattr(module, 'num_classes', None), int)
        and number > 0
    }
    if classes := names_of(dataset):
        for key, value in stated.items():
            if value != len(classes):
                raise ConfigError(
                    f'{key}={value} does not match the {len(classes)} classes of the '
                    f'dataset {type(dataset).__name__}'
                )
        return len(classes)
    if not stated:
        raise ConfigError(
            f'neither the dataset {type(dataset).__name__} (metainfo classes) nor the '
            'model (num_classes) says how many classes there are'
        )
    return list(stated.values())[-1]  # the head's comes after the preprocessor's

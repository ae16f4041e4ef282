"""Names of classes, and whether two lists of them give labels the same meaning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any


def names_of(dataset: Any) -> Sequence[str]:
    """Names of a dataset's classes in label order; empty where it tells none.

    Example:
        >>> from mmlt_plugin.class_names import names_of
        >>> from mmlt_plugin.datasets import Digits
        >>> names_of(Digits(split='test'))[:3]
        ('0', '1', '2')
    """
    return getattr(dataset, 'metainfo', {}).get('classes') or ()


def first_difference(ours: Sequence[str], theirs: Sequence[str]) -> int | None:
    """First label that stands for another class in the second list.

    Args:
        ours: Names in label order; empty where nobody told them.
        theirs: Others.

    Returns:
        int | None: None if there is no such label, a list is missing, or one alone consists
        of numbers, which stand for names that nobody told.

    Example:
        >>> from mmlt_plugin.class_names import first_difference
        >>> first_difference(['cat', 'dog'], ['cat', 'cow'])
        1
    """
    if not ours or not theirs:
        return None
    numbers = [all(str(name).isdigit() for name in names) for names in (ours, theirs)]
    if numbers[0] != numbers[1]:
        return None
    pairs = zip_longest(ours, theirs)
    return next((label for label, (a, b) in enumerate(pairs) if a != b), None)

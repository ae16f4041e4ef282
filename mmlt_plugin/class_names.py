"""Whether two lists of class names give labels the same meaning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest


def first_difference(
    ours: Sequence[str] | None, theirs: Sequence[str] | None
) -> int | None:
    """First label that stands for another class in the second list.

    Args:
        ours: Names in label order; None or none where nobody told them.
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

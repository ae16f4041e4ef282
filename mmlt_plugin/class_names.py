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
        int | None: None if there is no such label, or a list is missing or consists of
        numbers, which stand for names that nobody told.

    Example:
        >>> from mmlt_plugin.class_names import first_difference
        >>> first_difference(['cat', 'dog'], ['cat', 'cow'])
        1
    """
    for names in (ours, theirs):
        if not names or all(str(name).isdigit() for name in names):
            return None
    pairs = zip_longest(ours or (), theirs or ())
    return next((label for label, (a, b) in enumerate(pairs) if a != b), None)

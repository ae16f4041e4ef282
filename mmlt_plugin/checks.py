"""Checks of arguments, all with the same wording."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from .errors import ConfigError


def check_number(
    key: str, value: Any, interval: str, integer: bool = False, meaning: str = ''
) -> None:
    """Refuse a value that is no number in an interval.

    Args:
        key: The argument's name, with its component: ``alpha of ResLTLoss``.
        value: The argument.
        interval: In mathematical notation, ``[0, 1)`` or ``(0, inf)``.
        integer: Whether it must be an ``int``.
        meaning: What the number stands for, appended to the message.

    Raises:
        ConfigError: The value has another type, is NaN, or lies outside the interval.

    Example:
        >>> from mmlt_plugin.checks import check_number
        >>> check_number('beta', 1.0, '[0, 1)', meaning='1 would be inverse frequency')
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: beta=1.0 must be a number in [0, 1): 1 would be inverse frequency
    """
    low, high = (float(bound) for bound in interval[1:-1].split(','))
    kind = int if integer else Real
    good = isinstance(value, kind) and not isinstance(value, bool)
    good = good and (low <= value if interval[0] == '[' else low < value)
    good = good and (value <= high if interval[-1] == ']' else value < high)
    if not good:
        name, _, owner = key.partition(' of ')
        shown = f'{name}={value!r}' + (f' of {owner}' if owner else '')
        what = 'an integer' if integer else 'a number'
        place = f'in {interval}'
        if integer and math.isinf(high):
            place = f'of {low:g} or more' if interval[0] == '[' else f'above {low:g}'
        raise ConfigError(
            f'{shown} must be {what} {place}' + (f': {meaning}' if meaning else '')
        )


def check_choice(key: str, value: Any, choices: Iterable) -> None:
    """Refuse a value that is not among the known ones.

    Args:
        key: The argument's name, with its component: ``branch of ResLTHead``.
        value: The argument.
        choices: The known values.

    Raises:
        ConfigError: The value is none of them.

    Example:
        >>> from mmlt_plugin.checks import check_choice
        >>> check_choice('metric of NCMHead', 'l1', ('cosine', 'euclidean'))
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: metric='l1' of NCMHead is unknown: choose from ('cosine', 'euclidean')
    """
    choices = tuple(choices)
    if value not in choices:
        name, _, owner = key.partition(' of ')
        shown = f'{name}={value!r}' + (f' of {owner}' if owner else '')
        raise ConfigError(f'{shown} is unknown: choose from {choices}')

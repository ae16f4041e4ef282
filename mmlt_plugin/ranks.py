"""Checks whose errors are raised on all ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process

from .errors import ConfigError


def check_on_main_rank(check: Callable[[], None]) -> None:
    """Run a check on the main rank; an error there ends the other ranks too.

    If only one rank raised it, the others would wait forever.

    Args:
        check: A function that raises an error if something is wrong.

    Raises:
        ConfigError: On the other ranks, with the main rank's message.

    Example:
        >>> from mmlt_plugin.ranks import check_on_main_rank
        >>> check_on_main_rank(lambda: None)
    """
    error = None
    if is_main_process():
        try:
            check()
        except Exception as found:  # whatever it is, the others must learn of it
            error = found
    message = [None if error is None else str(error) or repr(error)]
    broadcast_object_list(message, src=0)
    if error is not None:
        raise error
    if message[0] is not None:
        raise ConfigError(message[0])


def check_same_start(start: Any) -> None:
    """Refuse ranks that begin at different points of a training.

    Args:
        start: Where this rank begins, for example its epoch and iteration.

    Raises:
        ConfigError: Another rank begins elsewhere.

    Example:
        >>> from mmlt_plugin.ranks import check_same_start
        >>> check_same_start((3, 300))
    """
    starts = all_gather_object(start)
    if any(other != starts[0] for other in starts):
        raise ConfigError(
            f'the ranks begin at different epochs and iterations, {starts}: to resume, '
            'all machines need the same --work-dir, on a disk that they share'
        )

"""Checks whose errors all ranks raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process

from .errors import ConfigError


def check_on_main_rank(check: Callable[[], None]) -> None:
    """Run a check on the main rank; what it raises there ends the other ranks too.

    Raised on one rank alone, the others would wait for it.

    Args:
        check: Raises what is wrong.

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
        except Exception as found:  # whatever it is, the others must hear of it
            error = found
    message = [None if error is None else str(error) or repr(error)]
    broadcast_object_list(message, src=0)
    if error is not None:
        raise error
    if message[0] is not None:
        raise ConfigError(message[0])


def check_same_start(start: Any) -> None:
    """Refuse ranks that begin at different places of a training.

    Args:
        start: Where this rank begins, its epoch and iteration say.

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

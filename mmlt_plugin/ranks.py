"""What one rank finds out for all."""

from __future__ import annotations

from mmengine.dist import broadcast_object_list


def raise_together(error: Exception | None) -> None:
    """Raise on every rank what the main one found; raised there alone, the others would wait.

    Args:
        error: The main rank's finding, None if all is well; other ranks' are not asked.

    Example:
        >>> from mmlt_plugin.ranks import raise_together
        >>> raise_together(None)
    """
    found = [error]
    broadcast_object_list(found, src=0)
    if found[0] is not None:
        raise found[0]

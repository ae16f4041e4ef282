"""Whether a head and its loss fit together."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.heads import ClsHead

from ...errors import ConfigError


def check_match(head: Any, loss: Any) -> None:
    """Ask a head and a loss whether they fit together, where they know.

    Args:
        head: May have ``check_loss(loss)``. One with ``experts`` stands for them.
        loss: May have ``check_head(head)``.

    Raises:
        ConfigError: One of them refuses the other.

    Example:
        >>> from mmpretrain.models import LinearClsHead
        >>> from mmlt_plugin.models import ReweightedLoss, check_match
        >>> check_match(LinearClsHead(num_classes=2, in_channels=4), ReweightedLoss())
    """
    for one in getattr(head, 'experts', [head]):
        if hasattr(loss, 'check_head'):
            loss.check_head(one)
        if hasattr(one, 'check_loss'):
            one.check_loss(loss)


def check_logits_suffice(owner: Any, head: Any) -> None:
    """Refuse a head that does not make its loss of its logits alone.

    Args:
        owner: The module that makes the loss of such logits itself.
        head: The head.

    Raises:
        ConfigError: The head has a loss of its own.

    Example:
        >>> from mmpretrain.models import LinearClsHead
        >>> from mmlt_plugin.models.losses import check_logits_suffice
        >>> check_logits_suffice(None, LinearClsHead(num_classes=2, in_channels=4))
    """
    if type(head).loss is not ClsHead.loss:
        raise ConfigError(
            f'{type(owner).__name__} makes the loss of the logits itself, and '
            f'{type(head).__name__} has a loss of its own: use a head without one, '
            'CosineClsHead or LinearClsHead say'
        )


def scale_of(loss: Any) -> float:
    """Factor from what a head gives to logits: ``scale`` of a loss of cosines, as LDAM's.

    Args:
        loss: One without ``scale`` takes logits as they are.

    Example:
        >>> from mmpretrain.models import CrossEntropyLoss
        >>> from mmlt_plugin.models import LDAMLoss
        >>> from mmlt_plugin.models.losses import scale_of
        >>> scale_of(LDAMLoss(scale=30.0)), scale_of(CrossEntropyLoss())
        (30.0, 1.0)
    """
    return getattr(loss, 'scale', 1.0)

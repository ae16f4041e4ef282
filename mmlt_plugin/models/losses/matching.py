"""Whether a head and its loss fit together."""

from __future__ import annotations

from typing import Any

from mmpretrain.models.heads import ClsHead

from ...errors import ConfigError


def check_match(head: Any, loss: Any) -> None:
    """Let a head and a loss check whether they fit together.

    Args:
        head: May have ``check_loss(loss)``. For a head with ``experts`` these are checked.
        loss: May have ``check_head(head)``.

    Raises:
        ConfigError: One of them rejects the other.

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
    """Refuse a head whose loss does not depend on its logits alone.

    Args:
        owner: The module that computes the loss from the head's logits.
        head: The head.

    Raises:
        ConfigError: The head overrides ``loss``.

    Example:
        >>> from mmpretrain.models import LinearClsHead
        >>> from mmlt_plugin.models.losses import check_logits_suffice
        >>> check_logits_suffice(None, LinearClsHead(num_classes=2, in_channels=4))
    """
    if type(head).loss is not ClsHead.loss:
        raise ConfigError(
            f'{type(owner).__name__} computes the loss from the logits, and '
            f'{type(head).__name__} has a loss of its own: use a head without one, '
            'such as CosineClsHead or LinearClsHead'
        )


def scale_of(loss: Any) -> float:
    """Factor that a loss applies to a head's output: ``scale`` for cosines, as in LDAM.

    Args:
        loss: A loss; without ``scale`` the factor is 1.

    Example:
        >>> from mmpretrain.models import CrossEntropyLoss
        >>> from mmlt_plugin.models import LDAMLoss
        >>> from mmlt_plugin.models.losses import scale_of
        >>> scale_of(LDAMLoss(scale=30.0)), scale_of(CrossEntropyLoss())
        (30.0, 1.0)
    """
    return getattr(loss, 'scale', 1.0)

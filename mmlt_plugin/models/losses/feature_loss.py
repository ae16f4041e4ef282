"""The base of losses on features."""

from __future__ import annotations

from typing import NoReturn

from torch import nn

from ...errors import ConfigError


class FeatureLoss(nn.Module):
    """A loss that compares features: ``forward(feature, label)`` with (N, D) and (N,).

    Raises:
        ConfigError: It is used as the loss of a head's logits.
    """

    def check_head(self, head: nn.Module) -> NoReturn:
        """Refuse every head that has this as the loss of its logits."""
        name = type(self).__name__
        raise ConfigError(
            f'{name} compares features, and {type(head).__name__} gives its loss logits: '
            "set model.head=dict(type='FeatureLossHead', "
            f"feature_loss=dict(type='{name}')) and keep its loss"
        )

"""Nearest class mean."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS

from ...errors import ConfigError
from ..layers import cosines
from .linear_head import LinearHead


@MODELS.register_module()
class NCMHead(LinearHead):
    r"""Predict the class with the nearest mean feature.

    NCM of Kang et al., ICLR 2020, Sec. 4. It needs no training of its own: test any
    checkpoint of a ``LinearClsHead`` with it. ``ClassMeansHook`` first computes the means
    :math:`m_i` over the training images. The logits are :math:`\cos(m_i, f)`. Training is
    that of ``LinearClsHead``.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        **kwargs: Arguments of ``LinearClsHead``.

    Raises:
        ConfigError: The means are missing.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import NCMHead
        >>> head = NCMHead(num_classes=2, in_channels=2).eval()
        >>> head.set_class_means(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        >>> head((torch.tensor([[0.0, 3.0]]),))
        tensor([[0., 1.]])
    """

    means: torch.Tensor

    def __init__(self, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        # Not in the state dict, because they follow from the training images.
        self.register_buffer(
            'means', torch.zeros(num_classes, in_channels), persistent=False
        )
        self._knows_means = False

    def set_class_means(self, means: torch.Tensor) -> None:
        """Set the mean features (C, D); rows of classes without images are zero."""
        self.means.copy_(means)
        self._knows_means = True

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Cosines (N, C); -inf for classes without training images."""
        if self.training:
            return super().forward(feats)
        if not self._knows_means:
            raise ConfigError(
                'NCMHead needs the mean features of the classes: add default_hooks = '
                "dict(class_means=dict(type='ClassMeansHook')) to the config"
            )
        # In bfloat16 many cosines would be equal.
        cosine = cosines(self.pre_logits(feats).to(self.means), self.means)
        return cosine.masked_fill(~self.means.any(1), -torch.inf)

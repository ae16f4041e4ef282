"""The tau-normalised linear classifier."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS

from ...checks import check_number
from ..layers import tau_normalize
from .linear_head import LinearHead


@MODELS.register_module()
class TauNormHead(LinearHead):
    r"""Linear head with tau-normalised rows in evaluation: :math:`z_i = w_i f / \|w_i\|^\tau`.

    Kang et al., ICLR 2020, Sec. 4: rows of frequent classes grow long in training. The head
    needs no training of its own: test any checkpoint of a ``LinearClsHead`` with it. Training
    is that of ``LinearClsHead``.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        tau: Exponent; 0 only drops the bias, 1 makes all rows equally long. Choose it on
            validation images with ``tools/analysis/head_sweep.py``.
        **kwargs: Arguments of ``LinearClsHead``.

    Raises:
        ConfigError: ``tau`` is negative.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import TauNormHead
        >>> head = TauNormHead(num_classes=10, in_channels=64, tau=0.7).eval()
        >>> head((torch.zeros(4, 64),)).shape
        torch.Size([4, 10])
    """

    def __init__(
        self, num_classes: int, in_channels: int, tau: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_number('tau of TauNormHead', tau, '[0, inf)')
        self.tau = tau

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C)."""
        if self.training:
            return super().forward(feats)
        return F.linear(self.pre_logits(feats), tau_normalize(self.fc.weight, self.tau))

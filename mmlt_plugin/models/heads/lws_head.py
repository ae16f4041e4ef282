"""Learnable weight scaling."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS
from torch import nn

from .linear_head import LinearHead


@MODELS.register_module()
class LWSHead(LinearHead):
    r"""Linear head with a learnable scale for each class: :math:`z_i = s_i (w_i f + b_i)`.

    LWS of Kang et al., ICLR 2020, Sec. 4. In the second stage only the scales are trained,
    with class-balanced sampling: ``DecoupledClassifier(trainable=['head.scales'])``. Arguments
    as in mmpretrain's ``LinearClsHead``, whose checkpoints it accepts.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LWSHead
        >>> head = LWSHead(num_classes=10, in_channels=64)
        >>> head((torch.zeros(4, 64),)).shape
        torch.Size([4, 10])
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.scales = nn.Parameter(torch.ones(num_classes))

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Scaled logits (N, C)."""
        return self.scales * super().forward(feats)

"""ResLT's branches as 1 x 1 convolutions."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmpretrain.models.utils import build_norm_layer
from torch import nn


class BranchConv(BaseModule):
    """G dense 1 x 1 convolutions with BN and ReLU, pooled: ResLT's branches on ImageNet-LT.

    The paper's "1 x 1 grouped convolution with G groups" on the map repeated G times is the
    same as one convolution from D to G D channels.

    Args:
        channels: Channels D.
        num_branches: Number of branches G.
        norm_cfg: The normalisation, ``dict(type='BN')`` or ``dict(type='SyncBN')``.

    Returns:
        Tensor: Features (N, G, D) of a map (N, D, H, W).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import BranchConv
        >>> BranchConv(64, 3, dict(type='BN'))(torch.zeros(2, 64, 7, 7)).shape
        torch.Size([2, 3, 64])
    """

    def __init__(self, channels: int, num_branches: int, norm_cfg: dict) -> None:
        super().__init__(init_cfg=dict(type='Kaiming', layer='Conv2d'))
        self.num_branches = num_branches
        self.conv = nn.Conv2d(channels, num_branches * channels, 1, bias=False)
        self.norm = build_norm_layer(norm_cfg, num_branches * channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor, pool_first: bool = False) -> torch.Tensor:
        """Map (N, D, H, W) to (N, G, D); ``pool_first`` pools before the convolution."""
        x = self.relu(
            self.norm(self.conv(x.mean((2, 3), keepdim=True) if pool_first else x))
        )
        # No fixed sizes, so that a traced model accepts other batches.
        return x.mean((2, 3)).unflatten(1, (self.num_branches, -1))

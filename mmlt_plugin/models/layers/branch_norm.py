"""ResLT's branches as batch normalisations."""

from __future__ import annotations

import torch
from mmpretrain.models.utils import build_norm_layer
from torch import nn


class BranchNorm(nn.Module):
    """G batch normalisations of one map, pooled: ResLT's branches on CIFAR.

    All G layers see the same map, so they have the same statistics and differ only in scale
    and shift. The map is therefore normalised and pooled once, then scaled and shifted G
    times: the same function as G layers and a pooling, with 1/G of the work on maps.

    Args:
        channels: Channels D.
        num_branches: Number of branches G.
        norm_cfg: The normalisation, ``dict(type='BN')`` or ``dict(type='SyncBN')``.

    Returns:
        Tensor: Features (N, G, D) of a map (N, D, H, W).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import BranchNorm
        >>> BranchNorm(64, 3, dict(type='BN'))(torch.zeros(2, 64, 8, 8)).shape
        torch.Size([2, 3, 64])
    """

    def __init__(self, channels: int, num_branches: int, norm_cfg: dict) -> None:
        super().__init__()
        self.norm = build_norm_layer({**norm_cfg, 'affine': False}, channels)
        self.affine = _ScaleAndShift((num_branches, channels))
        self.affine.requires_grad_(norm_cfg.get('requires_grad', True))

    def forward(self, x: torch.Tensor, pool_first: bool = False) -> torch.Tensor:
        """Map (N, D, H, W) to (N, G, D); ``pool_first`` pools before normalising."""
        x = self.norm(x.mean((2, 3), keepdim=True) if pool_first else x)
        return self.affine(x.mean((2, 3))[:, None])


class _ScaleAndShift(nn.LayerNorm):
    """Scales and shifts (G, D) of G normalisations.

    It normalises nothing. It inherits from ``LayerNorm`` for the sake of optimizer settings
    such as ``norm_decay_mult``, which recognise normalisation layers by their class.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (N, 1, D) to (N, G, D)."""
        return x * self.weight + self.bias

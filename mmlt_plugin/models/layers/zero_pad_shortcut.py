"""The parameter-free shortcut of the CIFAR ResNets."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ZeroPadShortcut(nn.Module):
    """Option-A shortcut: takes every stride-th pixel and fills new channels with zeros.

    He et al., CVPR 2016, Sec. 3.3. Half of the zeros are before the input's channels, half
    after them.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, no fewer.
        stride: Step between the pixels that are kept.

    Returns:
        Tensor: A map (N, out_channels, H/stride, W/stride) for (N, in_channels, H, W).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import ZeroPadShortcut
        >>> ZeroPadShortcut(2, 4, stride=2)(torch.ones(1, 2, 2, 2)).flatten()
        tensor([0., 1., 1., 0.])
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to its sub-sampled, channel-padded copy."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, *self.padding))

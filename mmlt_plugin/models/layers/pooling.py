"""Global average pooling that keeps the map's four dimensions."""

from __future__ import annotations

import torch


def global_pool(x: torch.Tensor) -> torch.Tensor:
    """Average a map (N, D, H, W) over its pixels to (N, D, 1, 1).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import global_pool
        >>> global_pool(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3, 1, 1])
    """
    return x.mean(dim=(2, 3), keepdim=True)

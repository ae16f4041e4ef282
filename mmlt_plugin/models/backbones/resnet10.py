"""The smallest ResNet of the ImageNet-LT tables."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ResNet
from mmpretrain.models.backbones.resnet import BasicBlock
from mmpretrain.registry import MODELS


@MODELS.register_module()
class ResNet10(ResNet):
    """ResNet-10: one basic block a stage, 64 to 512 channels.

    The small backbone of OLTR, Decoupling and ResLT on ImageNet-LT, which mmpretrain's
    ``ResNet`` has no depth for.

    Args:
        zero_init_residual: Whether the blocks start as identity; not so in the papers'
            code.
        **kwargs: Arguments of mmpretrain's ``ResNet`` except ``depth``.

    Returns:
        tuple[Tensor]: Images (N, 3, H, W) become one map (N, 512, H/32, W/32).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ResNet10
        >>> ResNet10()(torch.zeros(1, 3, 64, 64))[0].shape
        torch.Size([1, 512, 2, 2])
    """

    arch_settings = {10: (BasicBlock, (1, 1, 1, 1))}

    def __init__(self, zero_init_residual: bool = False, **kwargs: Any) -> None:
        super().__init__(10, zero_init_residual=zero_init_residual, **kwargs)

"""The smallest ResNet of the ImageNet-LT tables."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ResNet
from mmpretrain.models.backbones.resnet import BasicBlock
from mmpretrain.registry import MODELS


@MODELS.register_module()
class ResNet10(ResNet):
    """ResNet-10: one basic block per stage, 64 to 512 channels.

    The small backbone of OLTR, Decoupling and ResLT on ImageNet-LT, a depth that
    mmpretrain's ``ResNet`` lacks.

    Args:
        zero_init_residual: Whether blocks start as the identity; the papers' code does not
            do this.
        **kwargs: Arguments of mmpretrain's ``ResNet`` except ``depth``.

    Returns:
        tuple[Tensor]: One map (N, 512, H/32, W/32) for images (N, 3, H, W).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ResNet10
        >>> ResNet10()(torch.zeros(1, 3, 64, 64))[0].shape
        torch.Size([1, 512, 2, 2])
    """

    arch_settings = {10: (BasicBlock, (1, 1, 1, 1))}

    def __init__(self, zero_init_residual: bool = False, **kwargs: Any) -> None:
        super().__init__(10, zero_init_residual=zero_init_residual, **kwargs)

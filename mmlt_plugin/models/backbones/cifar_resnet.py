"""The ResNets of He et al. for 32 x 32 images."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ResNet_CIFAR
from mmpretrain.models.backbones.resnet import BasicBlock
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError
from ..layers import ZeroPadShortcut

OFFICIAL_INIT = [
    dict(type='Kaiming', layer='Conv2d', mode='fan_in', nonlinearity='relu'),
    dict(type='Constant', layer='_BatchNorm', val=1),
]


@MODELS.register_module()
class CIFARResNet(ResNet_CIFAR):
    """ResNet of depth 6n + 2 for CIFAR: 16, 32 and 64 channels, n blocks each.

    He et al., CVPR 2016, Sec. 4.2: the backbone of every CIFAR-LT table, with parameter-free
    shortcuts (option A). mmpretrain's ``ResNet_CIFAR`` is a different network, with four
    stages of 64 to 512 channels.

    Args:
        depth: 20, 32, 44, 56, 110 or any other 6n + 2.
        width: Multiplier of the channels; ResLT's Fig. 5 uses 1, 2 and 3.
        init_cfg: Initialisation; None is Kaiming normal over the fan-in, as in both
            papers' code.
        **kwargs: Arguments of mmpretrain's ``ResNet``, such as ``norm_cfg``,
            ``frozen_stages`` or ``out_indices``.

    Returns:
        tuple[Tensor]: One map (N, 64 width, 8, 8) for images (N, 3, 32, 32).

    Raises:
        ConfigError: ``depth`` is not 6n + 2.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import CIFARResNet
        >>> net = CIFARResNet(depth=32)
        >>> sum(p.numel() for p in net.parameters())
        463504
        >>> net(torch.zeros(2, 3, 32, 32))[0].shape
        torch.Size([2, 64, 8, 8])
    """

    def __init__(
        self,
        depth: int = 32,
        width: int = 1,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        check_number(
            'depth of CIFARResNet', depth, '[8, inf)', integer=True, meaning='6n + 2'
        )
        check_number('width of CIFARResNet', width, '[1, inf)', integer=True)
        if (depth - 2) % 6:
            raise ConfigError(
                f'depth={depth} of CIFARResNet must be 6n + 2: 20, 32, ...'
            )
        self.arch_settings = {depth: (BasicBlock, ((depth - 2) // 6,) * 3)}
        settings = dict(
            num_stages=3,
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            out_indices=(2,),
            zero_init_residual=False,
            stem_channels=16 * width,
            base_channels=16 * width,
            init_cfg=OFFICIAL_INIT if init_cfg is None else init_cfg,
        )
        super().__init__(depth, **{**settings, **kwargs})

    def make_res_layer(self, **kwargs: Any) -> nn.Sequential:
        """One stage of blocks, whose first block gets an option-A shortcut if needed."""
        layer = super().make_res_layer(**kwargs)
        first: Any = layer[0]
        if first.downsample is not None:
            first.downsample = ZeroPadShortcut(
                first.in_channels, first.out_channels, first.stride
            )
        return layer

"""OLTR's attention before the pooling."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.model import constant_init, kaiming_init
from mmengine.utils import to_2tuple
from mmpretrain.models import LinearNeck
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError


@MODELS.register_module()
class ModulatedAttentionNeck(LinearNeck):
    r"""Self-attention, weighted by position, then pooling and a linear layer.

    OLTR (Liu et al., CVPR 2019, Sec. 3.2). For a map f the linear layer gets the mean of

    .. math:: f + \mathrm{MA}(f) \otimes \mathrm{SA}(f)

    with a non-local block SA and a softmax MA over the positions. SA's last convolution
    starts at 0, so the neck starts as a ``LinearNeck``, whose checkpoints it accepts.

    Args:
        in_channels: Channels D of the map.
        out_channels: Channels of the result.
        feature_size: Height and width of the map, or one number for both; MA needs a fixed
            size.
        reduction: D divided by the number of channels within the attention.
        **kwargs: Arguments of ``LinearNeck``: ``norm_cfg``, ``act_cfg``, ``init_cfg``.

    Raises:
        ConfigError: ``reduction`` is no integer from 1 to D, or a map has another size.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ModulatedAttentionNeck
        >>> neck = ModulatedAttentionNeck(64, 32, feature_size=8)
        >>> neck((torch.randn(4, 64, 8, 8),))[0].shape
        torch.Size([4, 32])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        feature_size: int | tuple[int, int] = 7,
        reduction: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, gap_dim=2, **kwargs)
        check_number(
            'reduction of ModulatedAttentionNeck',
            reduction,
            f'[1, {in_channels}]',
            integer=True,
        )
        self.feature_size = tuple(to_2tuple(feature_size))
        places = math.prod(self.feature_size)
        channels = in_channels // reduction
        layers = dict(
            query=nn.Conv2d(in_channels, channels, 1),
            key=nn.Conv2d(in_channels, channels, 1),
            value=nn.Conv2d(in_channels, channels, 1),
            out=nn.Conv2d(channels, in_channels, 1, bias=False),
            place=nn.Linear(in_channels * places, places),
        )
        for name in ('query', 'key', 'value'):
            kaiming_init(layers[name], mode='fan_in')
        constant_init(layers['out'], 0)
        self.attention = nn.ModuleDict(layers)

    def forward(
        self, inputs: torch.Tensor | tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor]:
        """Features (N, out_channels) of the last map (N, D, H, W)."""
        x = inputs[-1] if isinstance(inputs, tuple) else inputs
        return super().forward(x + self.attend(x))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        """The term that the attention adds to a map (N, D, H, W)."""
        if x.shape[2:] != self.feature_size:
            raise ConfigError(
                f'feature_size={self.feature_size} of ModulatedAttentionNeck must be that '
                f'of the maps it gets, {tuple(x.shape[2:])}'
            )
        query, key, value = (
            self.attention[name](x).flatten(2) for name in ('query', 'key', 'value')
        )
        # In float16 a sum over hundreds of channels could be infinite.
        with torch.autocast(x.device.type, enabled=False):
            wide = torch.promote_types(query.dtype, torch.float32)
            weights = (query.to(wide).transpose(1, 2) @ key.to(wide)).softmax(-1)
        within = (value @ weights.transpose(1, 2).to(value)).unflatten(2, x.shape[2:])
        places = self.attention['place'](x.flatten(1)).softmax(1)
        return self.attention['out'](within) * places.unflatten(1, (1, *x.shape[2:]))

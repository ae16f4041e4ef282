"""A backbone without its last stages, the part that experts share."""

from __future__ import annotations

from typing import Any

from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError


@MODELS.register_module(name='MultiExpertTrunk')
def multi_expert_trunk(backbone: dict, stages: int = 2) -> nn.Module:
    """Build a ResNet-like backbone and cut its last stages off.

    RIDE (Wang et al., ICLR 2021, Sec. 3): ``MultiExpertNeck`` has them once for each
    expert. What is returned is the backbone itself, so names of parameters stay.

    Args:
        backbone: Config of the backbone: ``CIFARResNet`` or mmpretrain's ``ResNet``,
            ``ResNeXt``, ``SEResNet``, ... of any depth.
        stages: Number of stages to cut off.

    Returns:
        nn.Module: The backbone without them.

    Raises:
        ConfigError: The backbone has no stages, or no more than ``stages``.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import multi_expert_trunk
        >>> trunk = multi_expert_trunk(dict(type='CIFARResNet', depth=32))
        >>> trunk(torch.zeros(2, 3, 32, 32))[0].shape
        torch.Size([2, 16, 32, 32])
    """
    net: Any = MODELS.build(backbone)
    for name in last_stages(net, stages):
        delattr(net, name)
        net.res_layers.remove(name)
    shared = len(net.res_layers)
    net.out_indices = (shared - 1,)
    net.feat_dim = getattr(net, net.res_layers[-1])[-1].out_channels
    net.frozen_stages = min(net.frozen_stages, shared)
    return net


def last_stages(net: Any, stages: int) -> list[str]:
    """Names of a ResNet-like backbone's last stages, of which one at least is left.

    Raises:
        ConfigError: The backbone has no stages of blocks, or no more than ``stages``.

    Example:
        >>> from mmpretrain.models import ResNet
        >>> from mmlt_plugin.models.backbones.multi_expert_trunk import last_stages
        >>> last_stages(ResNet(depth=18), 2)
        ['layer3', 'layer4']
    """
    check_number('stages of experts', stages, '[1, inf)', integer=True)
    names = getattr(net, 'res_layers', None)
    if not names:
        raise ConfigError(
            f'{type(net).__name__} has no residual stages to cut: experts share the '
            "stages of a CIFARResNet or of one of mmpretrain's ResNets"
        )
    if stages >= len(names):
        raise ConfigError(
            f'stages={stages} of the experts is all that {type(net).__name__} has '
            f'({len(names)}): they must share one at least'
        )
    return list(names[-stages:])

"""A backbone without its last stages: the part that experts share."""

from __future__ import annotations

from typing import Any

from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from .stages import last_stages


@MODELS.register_module(name='MultiExpertTrunk')
def multi_expert_trunk(backbone: dict, stages: int = 2) -> nn.Module:
    """Build a ResNet-like backbone and cut its last stages off.

    RIDE (Wang et al., ICLR 2021, Sec. 3): ``MultiExpertNeck`` has one copy of them for each
    expert. The returned module is the backbone itself, so parameter names are preserved.

    Args:
        backbone: Config of the backbone: ``CIFARResNet`` or mmpretrain's ``ResNet``,
            ``ResNeXt``, ``SEResNet``, ... of any depth.
        stages: Number of stages to cut off.

    Returns:
        nn.Module: The backbone without these stages.

    Raises:
        ConfigError: ``stages`` is no positive integer, or the backbone has no stages of blocks
            or no more than that.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import multi_expert_trunk
        >>> trunk = multi_expert_trunk(dict(type='CIFARResNet', depth=32))
        >>> trunk(torch.zeros(2, 3, 32, 32))[0].shape
        torch.Size([2, 16, 32, 32])
    """
    check_number('stages of MultiExpertTrunk', stages, '[1, inf)', integer=True)
    net: Any = MODELS.build(backbone)
    for name in last_stages(net, stages):
        delattr(net, name)
        net.res_layers.remove(name)
    shared = len(net.res_layers)
    net.out_indices = (shared - 1,)
    net.feat_dim = getattr(net, net.res_layers[-1])[-1].out_channels
    net.frozen_stages = min(net.frozen_stages, shared)
    return net

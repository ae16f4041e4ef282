"""Names of the parts of ResNet-like backbones."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigError


def residual_stages(net: Any) -> list[str]:
    """Names of a backbone's stages of residual blocks, in order.

    Raises:
        ConfigError: It has none.

    Example:
        >>> from mmpretrain.models import ResNet
        >>> from mmlt_plugin.models.backbones.stages import residual_stages
        >>> residual_stages(ResNet(depth=18))
        ['layer1', 'layer2', 'layer3', 'layer4']
    """
    names = getattr(net, 'res_layers', None)
    if not names:
        raise ConfigError(
            f'{type(net).__name__} has no residual stages to cut: take CIFARResNet or '
            "one of mmpretrain's ResNets as the backbone"
        )
    return list(names)


def last_block(net: Any) -> str:
    """Name of a backbone's last block, ``layer4.2`` for ResNet-50.

    Raises:
        ConfigError: The backbone has no stages of blocks.
    """
    stage = residual_stages(net)[-1]
    return f'{stage}.{len(getattr(net, stage)) - 1}'


def last_stages(net: Any, stages: int) -> list[str]:
    """Names of a backbone's last stages, which must not be all of them.

    Raises:
        ConfigError: The backbone has no stages of blocks, or no more than ``stages``.

    Example:
        >>> from mmpretrain.models import ResNet
        >>> from mmlt_plugin.models.backbones.stages import last_stages
        >>> last_stages(ResNet(depth=18), 2)
        ['layer3', 'layer4']
    """
    names = residual_stages(net)
    if stages >= len(names):
        raise ConfigError(
            f'stages={stages} of the experts is all that {type(net).__name__} has '
            f'({len(names)}): they must share one at least'
        )
    return names[-stages:]

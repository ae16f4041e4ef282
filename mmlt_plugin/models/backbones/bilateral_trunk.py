"""A backbone without its last block, the part that BBN's branches share."""

from __future__ import annotations

from functools import partial
from typing import Any

from mmengine.dist import get_world_size
from mmpretrain.registry import MODELS
from torch import nn

from ...errors import ConfigError
from ..layers import BilateralBN, BilateralSyncBN
from .stages import last_block


@MODELS.register_module(name='BilateralTrunk')
def bilateral_trunk(backbone: dict, norm_cfg: dict | None = None) -> nn.Module:
    """Build a ResNet-like backbone and cut its last block off.

    BBN Sec. 4.2: both branches share everything except the last residual block, which
    ``BilateralNeck`` holds twice. What is returned is the backbone itself, so names of
    parameters, frozen stages and the like stay. Checkpoints of the whole backbone can
    be loaded: its last block goes to both of the neck's.

    Args:
        backbone: Config of the backbone: ``CIFARResNet`` or mmpretrain's ``ResNet``,
            ``ResNeXt``, ``SEResNet``, ... of any depth.
        norm_cfg: Normalisation of the shared layers; None is the backbone's own, but
            ``BilateralBN`` in the place of ``BN`` and ``BilateralSyncBN`` in that of
            ``SyncBN``, for the official statistics.

    Returns:
        nn.Module: The backbone without its last block.

    Raises:
        ConfigError: The backbone has no stages of blocks, or the last has only one.

    Example:
        >>> from mmlt_plugin.models import bilateral_trunk
        >>> trunk = bilateral_trunk(dict(type='CIFARResNet', depth=32))
        >>> [len(stage) for stage in (trunk.layer1, trunk.layer2, trunk.layer3)]
        [5, 5, 4]
    """
    net = MODELS.build({**backbone, 'norm_cfg': norm_cfg} if norm_cfg else backbone)
    name = last_block(net)
    keep_halves_apart(net, convert=norm_cfg is None)
    stage, _, index = name.partition('.')
    if index == '0':
        raise ConfigError(
            f'BilateralTrunk: stage {stage} of {type(net).__name__} has one block only, '
            'and cutting it off would change the size of the feature map'
        )
    del getattr(net, stage)[-1]

    # ImageClassifier has the hook called with every state dict that it loads.
    net._checkpoint_filter = partial(give_last_block_to_the_neck, name)
    net.is_bilateral_trunk = True
    return net


def keep_halves_apart(net: nn.Module, convert: bool = True) -> None:
    """Turn batch normalisations into those with statistics of their own for each half.

    Args:
        net: The net, changed in place.
        convert: Whether to turn ordinary ones; if not, only those are exchanged that
            synchronise in a single process, which mmengine would replace by ordinary ones.
    """
    synchronised: Any = BilateralSyncBN if get_world_size() > 1 else BilateralBN
    for module in net.modules():
        # The same parameters and statistics, another forward; whatever norm_cfg called it.
        if isinstance(module, BilateralSyncBN) or (
            convert and isinstance(module, nn.SyncBatchNorm)
        ):
            module.__class__ = synchronised
        elif convert and type(module) is nn.BatchNorm2d:
            module.__class__ = BilateralBN


def give_last_block_to_the_neck(
    name: str, state_dict: dict, prefix: str, *_: Any
) -> None:
    """Rename a backbone's last block in a state dict to both of the neck's."""
    source = f'{prefix}backbone.{name}.'
    for key in [key for key in state_dict if key.startswith(source)]:
        value = state_dict.pop(key)
        for branch in ('conventional', 'rebalancing'):
            state_dict[f'{prefix}neck.{branch}.{key.removeprefix(source)}'] = value

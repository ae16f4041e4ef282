"""A backbone without its last block: the part that BBN's branches share."""

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

    BBN Sec. 4.2: both branches share everything except the last residual block, of which
    ``BilateralNeck`` has two copies. The returned module is the backbone itself, so parameter
    names, frozen stages and the like are preserved. Checkpoints of the whole backbone can be
    loaded: its last block is loaded into both copies.

    Args:
        backbone: Config of the backbone: ``CIFARResNet`` or mmpretrain's ``ResNet``,
            ``ResNeXt``, ``SEResNet``, ... of any depth.
        norm_cfg: Normalisation of the shared layers; None is the backbone's own, with
            ``BilateralBN`` instead of ``BN`` and ``BilateralSyncBN`` instead of ``SyncBN``,
            which gives the official statistics.

    Returns:
        nn.Module: The backbone without its last block.

    Raises:
        ConfigError: The backbone has no stages of blocks, or only one block in the last.

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

    # ImageClassifier calls this for every state dict that it loads.
    net._checkpoint_filter = partial(give_last_block_to_the_neck, name)
    net.is_bilateral_trunk = True
    return net


def keep_halves_apart(net: nn.Module, convert: bool = True) -> None:
    """Convert batch normalisations to keep separate statistics for each half of a batch.

    Args:
        net: The network, changed in place.
        convert: Whether to convert ordinary layers. Otherwise only ``BilateralSyncBN`` in a
            single process is exchanged, which mmengine would replace by ordinary layers.
    """
    synchronised: Any = BilateralSyncBN if get_world_size() > 1 else BilateralBN
    for module in net.modules():
        # The same parameters and statistics with another forward.
        if isinstance(module, BilateralSyncBN) or (
            convert and isinstance(module, nn.SyncBatchNorm)
        ):
            module.__class__ = synchronised
        elif convert and type(module) is nn.BatchNorm2d:
            module.__class__ = BilateralBN


def give_last_block_to_the_neck(
    name: str, state_dict: dict, prefix: str, *_: Any
) -> None:
    """Rename a backbone's last block in a state dict to the neck's two copies."""
    source = f'{prefix}backbone.{name}.'
    for key in [key for key in state_dict if key.startswith(source)]:
        value = state_dict.pop(key)
        for branch in ('conventional', 'rebalancing'):
            state_dict[f'{prefix}neck.{branch}.{key.removeprefix(source)}'] = value

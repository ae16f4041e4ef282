"""The base of necks that contain parts of backbones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmengine.model import BaseModule, PretrainedInit, constant_init
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...weights import unwrapped

#: A backbone's ``init_cfg.type`` that reads a checkpoint.
PRETRAINED = ('Pretrained', PretrainedInit)


class BackboneParts(BaseModule):
    """A neck made of parts of backbones, which are initialised and trained as in a backbone.

    Args:
        net: The backbone with the settings to follow: ``init_cfg``,
            ``zero_init_residual``, ``norm_eval``, ``frozen_stages``.
        parts: The neck's parts and their names in the backbone. A name may occur twice:
            weights of a checkpoint are loaded into all of its parts.
    """

    def __init__(self, net: Any, parts: Iterable[tuple[str, BaseModule]]) -> None:
        parts = list(parts)
        init_cfg: Any = net.init_cfg
        if isinstance(init_cfg, (list, tuple)) and len(init_cfg) == 1:
            init_cfg = init_cfg[0]
        if isinstance(init_cfg, dict) and init_cfg['type'] in PRETRAINED:
            outer = init_cfg.get('prefix', '').rstrip('.')
            for name, part in parts:
                prefix = '.'.join(filter(None, [outer, name]))
                part.init_cfg = {**init_cfg, 'prefix': prefix}
            init_cfg = None
        super().__init__(init_cfg=init_cfg)
        self._starts_as_identity = init_cfg and net.zero_init_residual
        self._norm_eval = net.norm_eval
        frozen = net.res_layers[: max(net.frozen_stages, 0)]
        # In a tuple, because the neck registers them itself.
        self._frozen = tuple(p for name, p in parts if name.partition('.')[0] in frozen)

    def check_neighbours(self, backbone: nn.Module, head: nn.Module) -> None:
        """Refuse a backbone or a head that does not fit this neck."""

    def init_weights(self) -> None:
        """Initialise all parts like the backbone would."""
        super().init_weights()
        if self._starts_as_identity:
            for block in self.modules():
                last = getattr(block, 'norm3', None) or getattr(block, 'norm2', None)
                if last is not None:
                    constant_init(last, 0)

    def train(self, mode: bool = True) -> BackboneParts:
        """Set the mode, following the backbone's ``frozen_stages`` and ``norm_eval``."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        if self._norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def check_neck(model: nn.Module) -> None:
    """Check that backbone and head fit a neck that contains parts of a backbone.

    Args:
        model: A classifier, wrapped or not.

    Raises:
        ConfigError: They do not fit.

    Example:
        >>> from mmpretrain.models import ImageClassifier
        >>> from mmlt_plugin.models import check_neck
        >>> net = dict(type='CIFARResNet', depth=32)
        >>> model = ImageClassifier(
        ...     backbone=dict(type='BilateralTrunk', backbone=net),
        ...     neck=dict(type='BilateralNeck', backbone=net),
        ...     head=dict(type='BBNHead', num_classes=10, in_channels=128),
        ... )
        >>> check_neck(model)
    """
    classifier: Any = unwrapped(model)
    neck = getattr(classifier, 'neck', None)
    if isinstance(neck, BackboneParts):
        neck.check_neighbours(classifier.backbone, classifier.head)

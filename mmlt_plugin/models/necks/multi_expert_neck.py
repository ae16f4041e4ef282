"""Experts that share the first stages of a backbone."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import ModuleList, Sequential
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError
from ..backbones.stages import last_stages
from .backbone_parts import BackboneParts


@MODELS.register_module()
class MultiExpertNeck(BackboneParts):
    """One copy of a backbone's last stages per expert, narrower if wanted.

    RIDE (Wang et al., ICLR 2021, Sec. 3): experts share the earlier stages and have their
    own later ones, with three quarters of the channels, so three experts cost about 1.45
    times as much as one network.

    Args:
        backbone: Config of the whole backbone, the same as for ``MultiExpertTrunk``.
        experts: Number of experts K.
        stages: Number of last stages of which every expert has its own copy.
        width: Share of the backbone's channels in these stages, in (0, 1]; RIDE has 0.75.
            Weights of a checkpoint only fit 1.
        pool: Whether to average each map; False for heads that take maps.

    Returns:
        tuple[Tensor]: The K experts' features (N, D), or maps (N, D, H, W) without ``pool``.

    Raises:
        ConfigError: An argument lies outside its range or does not divide the channels, the
            backbone has no residual stages or too few, or a narrower one has a checkpoint
            to start from.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import MultiExpertNeck
        >>> neck = MultiExpertNeck(dict(type='CIFARResNet', depth=32), width=0.75)
        >>> [x.shape for x in neck((torch.zeros(2, 16, 32, 32),))]
        [torch.Size([2, 48]), torch.Size([2, 48]), torch.Size([2, 48])]
    """

    def __init__(
        self,
        backbone: dict,
        experts: int = 3,
        stages: int = 2,
        width: float = 1.0,
        pool: bool = True,
    ) -> None:
        check_number('experts of MultiExpertNeck', experts, '[1, inf)', integer=True)
        check_number('stages of MultiExpertNeck', stages, '[1, inf)', integer=True)
        check_number('width of MultiExpertNeck', width, '(0, 1]')
        nets = [build_narrower(backbone, stages, width) for _ in range(experts)]
        names = last_stages(nets[0], stages)
        parts = [
            [(name, Sequential(*getattr(net, name))) for name in names] for net in nets
        ]
        super().__init__(nets[0], [part for expert in parts for part in expert])
        if width < 1 and parts[0][0][1].init_cfg:
            raise ConfigError(
                f'MultiExpertNeck: weights of a checkpoint do not fit width={width}: set '
                'width=1, or remove init_cfg from its backbone'
            )
        self.experts = ModuleList(
            Sequential(*(stage for _, stage in expert)) for expert in parts
        )
        self.pool = pool
        self.shared_stages = len(nets[0].res_layers) - stages

    def check_neighbours(self, backbone: nn.Module, head: nn.Module) -> None:
        """Refuse a backbone with other stages, and a head that takes a single feature."""
        if len(getattr(backbone, 'res_layers', [])) != self.shared_stages:
            raise ConfigError(
                'MultiExpertNeck has the last stages of the backbone, which '
                'model.backbone must leave out, no more and no less: set '
                "model.backbone=dict(type='MultiExpertTrunk', backbone=...), and stages "
                'alike in both'
            )
        if len(self.experts) > 1 and not hasattr(head, 'experts'):
            raise ConfigError(
                f'MultiExpertNeck makes a feature for each of {len(self.experts)} experts, '
                f'and {type(head).__name__} takes one: set model.head=dict('
                "type='MultiExpertHead', head=...)"
            )

    def forward(self, feats: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Map the trunk's last feature map to the features of all experts."""
        maps = (expert(feats[-1]) for expert in self.experts)
        return tuple(x.mean((2, 3)) if self.pool else x for x in maps)


def build_narrower(backbone: dict, stages: int, width: float) -> Any:
    """Build a backbone with fewer channels in its last stages.

    Args:
        backbone: Config of the backbone.
        stages: Number of last stages.
        width: Share of the channels to keep; ResNeXts keep their number of groups.

    Example:
        >>> from mmlt_plugin.models.necks.multi_expert_neck import build_narrower
        >>> net = build_narrower(dict(type='ResNet', depth=18), stages=1, width=0.5)
        >>> net.layer3[0].out_channels, net.layer4[0].out_channels
        (256, 256)
    """
    kind: Any = backbone['type']
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    if kind is None:
        raise ConfigError(
            f'backbone.type={backbone["type"]!r} of MultiExpertNeck is not registered'
        )

    class Narrower(kind):
        def make_res_layer(
            self, in_channels: int, out_channels: int, **kwargs: Any
        ) -> Any:
            stage = len(self.res_layers)  # the number built so far
            first = len(self.stage_blocks) - stages
            in_channels = int(in_channels * (width if stage > first else 1))
            out_channels = int(out_channels * (width if stage >= first else 1))
            if not out_channels:
                raise ValueError('a net without channels')
            return super().make_res_layer(
                in_channels=in_channels, out_channels=out_channels, **kwargs
            )

    Narrower.__name__ = kind.__name__  # for error messages
    settings = {key: value for key, value in backbone.items() if key != 'type'}
    try:
        return Narrower(**settings)
    except (AssertionError, ValueError) as error:
        # mmpretrain's blocks and PyTorch's grouped convolutions.
        raise ConfigError(
            f'width={width} of MultiExpertNeck does not divide the channels of the last '
            f'{stages} stages of {kind.__name__}: RIDE has 0.75'
        ) from error

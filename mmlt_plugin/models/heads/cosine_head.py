"""A cosine classifier."""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmpretrain.registry import MODELS

from ...checks import check_number
from ..layers import cosines
from .linear_head import LinearHead


@MODELS.register_module()
class CosineClsHead(LinearHead):
    r"""Linear head whose logits are cosines: :math:`z_i = s \cos(w_i, f)`, without bias.

    The normalised classifier of LDAM (Cao et al., NeurIPS 2019), whose loss has its own
    scale, and of many few-shot methods: no class can win by the length of its weight vector.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        scale: The factor s; 1 with :class:`LDAMLoss`.
        init_cfg: Initialisation of the weight; None is uniform on [-1, 1] with rows of
            length 1, as in the released code.
        **kwargs: Arguments of mmpretrain's ``ClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: ``scale`` is not positive.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import CosineClsHead
        >>> head = CosineClsHead(num_classes=10, in_channels=64)
        >>> head((torch.randn(4, 64),)).abs().max() <= 1
        tensor(True)
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        scale: float = 1.0,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)
        check_number('scale of CosineClsHead', scale, '(0, inf)')
        self.scale = scale
        loss = getattr(self.loss_module, 'loss', self.loss_module)  # RIDELoss wraps one
        if scale == 1 and not hasattr(loss, 'check_head'):
            print_log(
                f'CosineClsHead: {type(loss).__name__} of cosines, which lie in '
                '[-1, 1], stays large whatever is learnt: set scale, for example to 16 or 30',
                'current',
                level=logging.WARNING,
            )
        self.fc.register_parameter('bias', None)
        weight = torch.empty(num_classes, in_channels).uniform_(-1, 1)
        self.fc.weight.data.copy_(F.normalize(weight))

    @property
    def gives_cosines(self) -> bool:
        """Whether the logits are cosines, as :class:`LDAMLoss` wants them."""
        return self.scale == 1

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Scaled cosines (N, C)."""
        feature = self.feature_of(feats)
        return self.scale * cosines(feature, self.fc.weight)

"""The causal classifier of De-confound-TDE."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmpretrain.registry import MODELS

from ...checks import check_number
from ...errors import ConfigError
from .linear_head import LinearHead


@MODELS.register_module()
class TDEHead(LinearHead):
    r"""Normalised classifier that removes the mean direction of all features.

    De-confound-TDE (Tang et al., NeurIPS 2020). The feature is split into K parts
    :math:`f^k`, and the logits in training (Eq. 7, "De-confound") are

    .. math:: z_i = \frac{\tau}{K} \sum_k
        \frac{w_i^k}{\|w_i^k\| + \gamma} \cdot \frac{f^k}{\|f^k\|}

    The optimizer's momentum drags all features in one direction, that of frequent classes,
    with the unit vector :math:`\hat d^k`. Evaluation (Eq. 8, "TDE") removes this component:
    :math:`\hat f^k = f^k / \|f^k\|` is replaced by
    :math:`\hat f^k - \alpha \cos(f^k, d^k)\, \hat d^k`.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        num_heads: Number of parts K, a divisor of D.
        tau: Scale of the logits.
        gamma: Offset >= 0 of the norms, which gives longer rows a small advantage.
        alpha: How much of the direction is removed in evaluation, >= 0; 0 is
            "De-confound" alone. It can be chosen after training, on validation images:
            ``tools/analysis/head_sweep.py CONFIG CHECKPOINT alpha``.
        momentum: :math:`\mu` in [0, 1) of the moving average
            :math:`d \leftarrow \mu d + \bar f` of batches' mean features over all ranks.
        init_cfg: Initialisation; None is PyTorch's, as in the released code.
        **kwargs: Arguments of ``LinearClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: An argument lies outside its range, or ``num_heads`` does not divide
            ``in_channels``.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import TDEHead
        >>> head = TDEHead(num_classes=10, in_channels=64)
        >>> head((torch.randn(4, 64),)).shape  # also updates the direction
        torch.Size([4, 10])
        >>> head.eval()((torch.randn(4, 64),)).shape
        torch.Size([4, 10])
    """

    direction: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        num_heads: int = 2,
        tau: float = 16.0,
        gamma: float = 1 / 32,
        alpha: float = 3.0,
        momentum: float = 0.9,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)
        check_number('num_heads of TDEHead', num_heads, '[1, inf)', integer=True)
        check_number('tau of TDEHead', tau, '(0, inf)')
        check_number('gamma of TDEHead', gamma, '[0, inf)')
        check_number('alpha of TDEHead', alpha, '[0, inf)')
        check_number('momentum of TDEHead', momentum, '[0, 1)')
        if in_channels % num_heads:
            raise ConfigError(
                f'num_heads={num_heads} of TDEHead must divide in_channels={in_channels}'
            )
        self.num_heads = num_heads
        self.tau = tau
        self.gamma = gamma
        self.alpha = alpha
        self.momentum = momentum
        self.fc.register_parameter('bias', None)
        self.register_buffer('direction', torch.zeros(in_channels))

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C)."""
        feature = self.feature_of(feats)
        # Not in bfloat16, whose rounding tau would enlarge.
        with torch.autocast(feature.device.type, enabled=False):
            if self.training:
                self._move_direction(feature)
            x = F.normalize(self._by_head(feature), dim=-1)
            if not self.training:
                d = F.normalize(self._by_head(self.direction), dim=-1)
                x = x - self.alpha * (x * d).sum(-1, keepdim=True) * d
            w = self._by_head(self.fc.weight)
            w = w / (w.norm(dim=-1, keepdim=True) + self.gamma)
            return self.tau / self.num_heads * F.linear(x.flatten(1), w.flatten(1))

    def _by_head(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.num_heads, -1))

    @torch.no_grad()
    def _move_direction(self, feature: torch.Tensor) -> None:
        mean = feature.mean(0)
        all_reduce(mean, 'mean')
        self.direction.mul_(self.momentum).add_(mean)

"""Cross-entropy and focal loss, re-weighted by class."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from .class_count_loss import ClassCountLoss


@MODELS.register_module()
class ReweightedLoss(ClassCountLoss):
    r"""Class-weighted cross-entropy, or focal loss in its softmax form.

    .. math:: \ell(z, y) = -(1 - p_y)^\gamma \log p_y, \qquad p = \mathrm{softmax}(z)

    ``scheme='inverse'`` is the re-weighting (RW) of BBN's study, ``scheme='effective'`` the
    class-balanced loss of Cui et al., CVPR 2019 (with ``gamma`` > 0 CB-focal), and
    ``scheme=None`` the focal loss (Lin et al., ICCV 2017, Eq. 4).

    Args:
        gamma: Exponent :math:`\gamma \ge 0`; 0 is cross-entropy.
        **kwargs: Arguments of :class:`ClassCountLoss`: ``scheme``, ``beta``,
            ``normalizer``, ``loss_weight``.

    Raises:
        ConfigError: ``gamma`` is negative.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ReweightedLoss
        >>> loss = ReweightedLoss(scheme='inverse')
        >>> loss.set_class_counts([30, 10])
        >>> loss(torch.zeros(2, 2), torch.tensor([0, 1]))
        tensor(0.6931)
    """

    def __init__(self, gamma: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_number('gamma of ReweightedLoss', gamma, '[0, inf)')
        self.gamma = gamma

    def losses_of_labels(self, cls_score: torch.Tensor) -> torch.Tensor:
        """Focal loss (N, C) of every image for every possible label."""
        log_p = cls_score.log_softmax(1)
        if not self.gamma:
            return -log_p
        # 1 - p by expm1, and clamped away from 0, where the power has no gradient.
        rest = -torch.expm1(log_p)
        return -rest.clamp_min(torch.finfo(rest.dtype).tiny).pow(self.gamma) * log_p

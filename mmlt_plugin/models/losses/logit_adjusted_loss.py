"""Logit adjustment and balanced softmax."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from .class_count_loss import ClassCountLoss


@MODELS.register_module()
class LogitAdjustedLoss(ClassCountLoss):
    r"""Cross-entropy of logits plus the log prior of each class.

    Menon et al., ICLR 2021, Eq. 10: :math:`\ell(z, y) = -\log \mathrm{softmax}
    (z + \tau \log \pi)_y` with :math:`\pi_i = N_i / \sum_j N_j`. The model thus
    need not learn the prior, and the plain logits are balanced in evaluation.

    Args:
        tau: Strength; with 1 the loss is consistent for the balanced error.
        **kwargs: Arguments of :class:`ClassCountLoss`.

    Raises:
        ConfigError: ``tau`` is negative.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LogitAdjustedLoss
        >>> loss = LogitAdjustedLoss()
        >>> loss.set_class_counts([30, 10])
        >>> loss(torch.zeros(1, 2), torch.tensor([1]))  # -log(1 / 4)
        tensor(1.3863)
    """

    def __init__(self, tau: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_number('tau of LogitAdjustedLoss', tau, '[0, inf)')
        self.tau = tau

    def losses_of_labels(self, cls_score: torch.Tensor) -> torch.Tensor:
        """Adjusted cross-entropy (N, C) of every image for every label."""
        counts = self.counts.to(cls_score)
        # A class without images counts as a thousandth of one, which is small yet finite.
        log_prior = (counts.clamp_min(1e-3) / counts.sum()).log()
        return -(cls_score + self.tau * log_prior).log_softmax(1)


@MODELS.register_module()
class BalancedSoftmaxLoss(LogitAdjustedLoss):
    r"""Balanced softmax: :math:`-\log (N_y e^{z_y} / \sum_i N_i e^{z_i})`.

    Ren et al., NeurIPS 2020, Eq. 4: logit adjustment with tau 1. Arguments as in
    :class:`ClassCountLoss`.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import BalancedSoftmaxLoss
        >>> loss = BalancedSoftmaxLoss()
        >>> loss.set_class_counts([30, 10])
        >>> loss(torch.zeros(1, 2), torch.tensor([0]))  # -log(3 / 4)
        tensor(0.2877)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(tau=1.0, **kwargs)

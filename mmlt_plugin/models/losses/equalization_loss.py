"""Softmax equalization loss."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from .class_count_loss import ClassCountLoss


@MODELS.register_module()
class SoftmaxEqualizationLoss(ClassCountLoss):
    r"""Cross-entropy that spares rare classes most negative gradients (SEQL).

    Tan et al., CVPR 2020, Sec. 3.4. A class whose share :math:`f_k` of the training images
    is below lambda is left out of the softmax of other classes' images with probability
    gamma, independently for every image and class:

    .. math:: \ell(z, y) = -\log \frac{e^{z_y}}{\sum_k w_k e^{z_k}}, \qquad
        w_k = 1 - \beta_k [f_k < \lambda] [k \ne y], \quad \beta_k \sim B(\gamma)

    Args:
        threshold: The share lambda, in [0, 1].
        gamma: Probability to leave a rare class out, in [0, 1].
        **kwargs: Arguments of :class:`ClassCountLoss`.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import SoftmaxEqualizationLoss
        >>> loss = SoftmaxEqualizationLoss(threshold=0.3, gamma=1.0)
        >>> loss.set_class_counts([50, 40, 10])
        >>> loss(torch.zeros(1, 3), torch.tensor([0]))  # -log(1 / 2)
        tensor(0.6931)
    """

    def __init__(self, threshold: float, gamma: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_number('threshold of SoftmaxEqualizationLoss', threshold, '[0, 1]')
        check_number('gamma of SoftmaxEqualizationLoss', gamma, '[0, 1]')
        self.threshold = threshold
        self.gamma = gamma

    def losses_of_labels(self, cls_score: torch.Tensor) -> torch.Tensor:
        """Loss (N, C) of every image for every label, with the same draws for all."""
        rare = self.counts.to(cls_score.device) < self.threshold * self.counts.sum()
        left_out = rare & (torch.rand_like(cls_score) < self.gamma)
        others = cls_score.masked_fill(left_out, -torch.inf).logsumexp(1, keepdim=True)
        own_too = torch.where(left_out, torch.logaddexp(others, cls_score), others)
        return own_too - cls_score

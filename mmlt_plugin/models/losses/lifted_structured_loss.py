"""Lifted structured loss."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from .feature_loss import FeatureLoss


@MODELS.register_module()
class LiftedStructuredLoss(FeatureLoss):
    r"""Contrast every pair of a class with all images of other classes in the batch.

    Song et al., CVPR 2016, Eq. 4. With distances :math:`D_{ij}` between features and the set
    P of pairs of images of one class,

    .. math:: \frac{1}{2 |P|} \sum_{(i, j) \in P} \max\Big(0, \log\Big(
        \sum_{y_k \ne y_i} e^{m - D_{ik}} + \sum_{y_l \ne y_j} e^{m - D_{jl}}\Big)
        + D_{ij}\Big)^2

    For the ``feature_loss`` of :class:`FeatureLossHead`.

    Args:
        margin: The margin m, > 0; 5 in OLTR's comparison on ImageNet-LT.

    Raises:
        ConfigError: ``margin`` is not positive.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LiftedStructuredLoss
        >>> x = torch.tensor([[0.0], [0.0], [1.0]])
        >>> LiftedStructuredLoss(margin=1.0)(x, torch.tensor([0, 0, 1]))  # log(2)^2 / 2
        tensor(0.2402)
    """

    def __init__(self, margin: float = 5.0) -> None:
        super().__init__()
        check_number('margin of LiftedStructuredLoss', margin, '(0, inf)')
        self.margin = margin

    def forward(self, feature: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Scalar loss of features (N, D) with labels (N,); 0 without a pair."""
        # Not by a matrix product, which loses the digits of small distances.
        distance = torch.cdist(
            feature, feature, compute_mode='donot_use_mm_for_euclid_dist'
        )
        same = label[:, None] == label
        # Not -inf, which has no gradient if all images are of one class.
        others = (self.margin - distance).masked_fill(same, -1e9).logsumexp(1)
        terms = torch.logaddexp(others[:, None], others) + distance
        pairs = same.triu(1)
        terms = terms.clamp_min(0).masked_fill(~pairs, 0)
        return terms.square().sum() / (2 * pairs.sum().clamp_min(1))

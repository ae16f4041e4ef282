"""OLTR's feature loss with its learnt centroids."""

from __future__ import annotations

import torch
from torch import nn

from ...checks import check_number


class DiscCentroidsLoss(nn.Module):
    r"""Pull features to the centroid of their class, and push them away from all others.

    The loss of OLTR's visual memory (Liu et al., CVPR 2019, Sec. 3.1), as in the released
    code. For B features :math:`f_n` and C centroids :math:`m_i` it is

    .. math:: \frac{1}{2 B} \sum_n \|f_n - m_{y_n}\|^2 + \lambda \max\Big(0, \mu -
        \frac{1}{B C} \sum_n \sum_{i \ne y_n} \|f_n - m_i\|^2\Big)

    For the first term the centroids' gradient is that of the released code, regardless of
    ``weight``: a class with :math:`B_i` images in the batch moves by their mean difference
    from the centroid, times :math:`B_i / (B_i + 1) / B`.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        margin: The margin mu, > 0.
        repel: Weight lambda of the second term, >= 0.
        weight: Weight of the whole loss, >= 0.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import DiscCentroidsLoss
        >>> loss = DiscCentroidsLoss(num_classes=2, in_channels=1, weight=1.0)
        >>> _ = loss.centroids.data.copy_(torch.tensor([[0.0], [4.0]]))
        >>> loss(torch.ones(1, 1), torch.tensor([0])).detach()  # 1/2 + 0.01 (10 - 9/2)
        tensor(0.5550)
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        margin: float = 10.0,
        repel: float = 0.01,
        weight: float = 0.01,
    ) -> None:
        super().__init__()
        check_number('margin of DiscCentroidsLoss', margin, '(0, inf)')
        check_number('repel of DiscCentroidsLoss', repel, '[0, inf)')
        check_number('weight of DiscCentroidsLoss', weight, '[0, inf)')
        self.margin = margin
        self.repel = repel
        self.weight = weight
        self.centroids = nn.Parameter(torch.randn(num_classes, in_channels))

    def forward(self, feature: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Scalar loss of features (B, D) with labels (B,)."""
        own = self.centroids[label]
        attract = (feature - own.detach()).square().sum() / (2 * len(label))
        others = torch.cdist(
            feature, self.centroids, compute_mode='donot_use_mm_for_euclid_dist'
        ).square()
        others = others.scatter(1, label[:, None], 0)
        repel = (self.margin - others.mean()).clamp_min(0)
        return self.weight * (attract + self.repel * repel) + self._learning(
            feature.detach(), own, label
        )

    def _learning(
        self, feature: torch.Tensor, own: torch.Tensor, label: torch.Tensor
    ) -> torch.Tensor:
        """A term whose value is 0 and whose gradient moves the centroids."""
        images = (label[:, None] == label).sum(1)  # of each image's class
        move = (own - feature).square().sum(1) / (images + 1)
        move = move.sum() / (2 * len(label))
        return move - move.detach()

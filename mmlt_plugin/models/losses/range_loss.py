"""Range loss."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number


@MODELS.register_module()
class RangeLoss(nn.Module):
    r"""Pull the most distant images of a class together, push the nearest classes apart.

    Zhang et al., ICCV 2017, Eqs. 4 to 7. Of every class i in the batch, the k largest
    squared distances :math:`D^i_1, \dots, D^i_k` of two of its images count, however many
    images it has, and of all classes the two with the nearest means:

    .. math:: \alpha \sum_i \frac{k}{\sum_{j \le k} 1 / D^i_j} +
        \beta \max(0, m - \min_{i \ne j} \|\bar x_i - \bar x_j\|^2)

    For the ``feature_loss`` of :class:`FeatureLossHead`.

    Args:
        k: Distances of a class that count; fewer where it has fewer.
        margin: Squared distance m, > 0, beyond which means are not pushed any further.
            It and the weights are those of OLTR's comparison on ImageNet-LT.
        alpha: Weight of the distances within classes, >= 0.
        beta: Weight of the distance between means, >= 0.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import RangeLoss
        >>> x = torch.tensor([[0.0], [1.0], [3.0], [5.0]])
        >>> RangeLoss(margin=15)(x, torch.tensor([0, 0, 1, 1]))  # 1 + 4 + (15 - 3.5**2)
        tensor(7.7500)
    """

    def __init__(
        self, k: int = 2, margin: float = 5.0, alpha: float = 1.0, beta: float = 1.0
    ) -> None:
        super().__init__()
        check_number('k of RangeLoss', k, '[1, inf)', integer=True)
        check_number('margin of RangeLoss', margin, '(0, inf)')
        check_number('alpha of RangeLoss', alpha, '[0, inf)')
        check_number('beta of RangeLoss', beta, '[0, inf)')
        self.k = k
        self.margin = margin
        self.alpha = alpha
        self.beta = beta

    def forward(self, feature: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Loss, a scalar, of features (N, D) with labels (N,)."""
        classes, own = label.unique(return_inverse=True)
        return self.alpha * self._within(feature, own) + self.beta * self._between(
            feature, own, len(classes)
        )

    def _within(self, feature: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        first, second = torch.triu_indices(len(own), len(own), 1, device=own.device)
        pairs = own[first] == own[second]
        first, second = first[pairs], second[pairs]
        squared = (feature[first] - feature[second]).square().sum(1)
        # The largest of a class first, then those that are among its k.
        order = squared.argsort(descending=True)
        order = order[own[first[order]].argsort(stable=True)]
        squared, classes = squared[order], own[first[order]]
        place = torch.arange(len(order), device=own.device)
        place = place - torch.searchsorted(classes.contiguous(), classes)
        counts = place < self.k
        squared, classes = squared[counts], classes[counts]
        present, classes, terms = classes.unique(
            return_inverse=True, return_counts=True
        )
        # Equal images have no distance, and 1 / 0 no gradient.
        inverse = 1 / squared.clamp_min(1e-12)
        sums = inverse.new_zeros(len(present)).index_add(0, classes, inverse)
        return (terms / sums).sum()

    def _between(
        self, feature: torch.Tensor, own: torch.Tensor, num_classes: int
    ) -> torch.Tensor:
        if num_classes < 2:
            return feature.sum() * 0
        sums = feature.new_zeros(num_classes, feature.size(1)).index_add(
            0, own, feature
        )
        means = sums / own.bincount()[:, None]
        first, second = torch.triu_indices(
            num_classes, num_classes, 1, device=own.device
        )
        nearest = (means[first] - means[second]).square().sum(1).min()
        return (self.margin - nearest).clamp_min(0)

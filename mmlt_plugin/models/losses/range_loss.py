"""Range loss."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from .feature_loss import FeatureLoss


@MODELS.register_module()
class RangeLoss(FeatureLoss):
    r"""Pull the most distant images of a class together, push the nearest classes apart.

    Zhang et al., ICCV 2017, Eqs. 4 to 7. From every class i in the batch the k largest squared
    distances :math:`D^i_1, \dots, D^i_k` between two images count, regardless of its size, and
    of all classes the two with the nearest means:

    .. math:: \alpha \sum_i \frac{k}{\sum_{j \le k} 1 / D^i_j} +
        \beta \max(0, m - \min_{i \ne j} \|\bar x_i - \bar x_j\|^2)

    For the ``feature_loss`` of :class:`FeatureLossHead`.

    Args:
        k: Number of distances per class, or fewer if it has fewer.
        margin: Squared distance m, > 0, beyond which means are not pushed further. The
            defaults of margin and weights are those of OLTR's comparison on ImageNet-LT.
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
        """Scalar loss of features (N, D) with labels (N,)."""
        # A class is identified by its first image in the batch. No size below depends on
        # the labels, so nothing waits for the GPU and one graph suffices.
        own = (label[:, None] == label).int().argmax(1)
        pairs = torch.triu_indices(len(own), len(own), 1, device=own.device)  # (2, P)
        within = self._within(feature, own, pairs)
        return self.alpha * within + self.beta * self._between(feature, own, pairs)

    def _within(
        self, feature: torch.Tensor, own: torch.Tensor, pairs: torch.Tensor
    ) -> torch.Tensor:
        first, second = pairs
        squared = (feature[first] - feature[second]).square().sum(1)
        none = len(own)  # marks pairs of two classes and is sorted to the end
        classes = own[first].where(own[first] == own[second], none)
        # By class, largest distance first.
        order = squared.argsort(descending=True)
        order = order[classes[order].argsort(stable=True)]
        squared, classes = squared[order], classes[order]
        place = torch.arange(len(order), device=own.device)
        place = place - torch.searchsorted(classes, classes)
        counts = (place < self.k) & (classes < none)
        # Equal images have distance 0, and 1 / 0 has no gradient.
        inverse = (1 / squared.clamp_min(1e-12)).where(counts, 0)
        sums = inverse.new_zeros(none + 1).index_add(0, classes, inverse)
        terms = torch.zeros_like(sums).index_add(0, classes, counts.to(sums))
        return (terms / sums.where(terms > 0, 1)).sum()

    def _between(
        self, feature: torch.Tensor, own: torch.Tensor, pairs: torch.Tensor
    ) -> torch.Tensor:
        first, second = pairs
        sums = torch.zeros_like(feature).index_add(0, own, feature)
        images = feature.new_zeros(len(own)).index_add(
            0, own, torch.ones_like(sums[:, 0])
        )
        means = sums / images.clamp_min(1)[:, None]
        squared = (means[first] - means[second]).square().sum(1)
        both = (images[first] > 0) & (images[second] > 0)
        # Infinite if there are no two classes.
        nearest = torch.cat(
            [squared.where(both, torch.inf), squared.new_full((1,), torch.inf)]
        )
        return (self.margin - nearest.min()).clamp_min(0)

"""The classifier of OLTR: dynamic meta-embedding."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ...checks import check_number
from ..losses import DiscCentroidsLoss
from .linear_head import LinearHead


@MODELS.register_module()
class OLTRHead(LinearHead):
    r"""Classify a feature enriched by a memory of all classes.

    OLTR (Liu et al., CVPR 2019, Sec. 3.1 and 3.3). The memory has a centroid :math:`m_i` for
    every class. A classifier ``fc`` weights the centroids, a selector e weights the channels,
    and the reachability is small far from all centroids. The embedding of a feature f and
    its logits are

    .. math:: x = \frac{10}{\min_i \|f - m_i\|} \big(f +
        \tanh(e(f)) \otimes \textstyle\sum_i \mathrm{softmax}(\mathrm{fc}(f))_i\, m_i\big),
        \qquad z_i = \frac{s \|x\|}{1 + \|x\|} \cos(x, w_i)

    This is a second stage: ``SecondStageHook`` loads features and ``fc`` of the first,
    ``ClassMeansHook(before='train')`` computes the initial centroids, and
    :class:`DiscCentroidsLoss` learns them.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        scale: The factor s.
        reach: The factor 10.
        centroids: Arguments of :class:`DiscCentroidsLoss`.
        **kwargs: Arguments of ``LinearClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: An argument lies outside its range, or the batch has soft labels.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models import OLTRHead
        >>> head = OLTRHead(num_classes=10, in_channels=64)
        >>> samples = [DataSample().set_gt_label(n) for n in range(4)]
        >>> sorted(head.loss((torch.randn(4, 64),), samples))
        ['loss', 'loss_centroids']
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        scale: float = 16.0,
        reach: float = 10.0,
        centroids: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_number('scale of OLTRHead', scale, '(0, inf)')
        check_number('reach of OLTRHead', reach, '(0, inf)')
        self.scale = scale
        self.reach = reach
        self.memory = DiscCentroidsLoss(num_classes, in_channels, **(centroids or {}))
        self.selector = nn.Linear(in_channels, in_channels)
        self.classifier = nn.Linear(in_channels, num_classes, bias=False)

    def set_class_means(self, means: torch.Tensor) -> None:
        """Use the mean features (C, D) as initial centroids."""
        self.memory.centroids.data.copy_(means)

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C)."""
        feature = self.feature_of(feats)
        # Not in bfloat16: the distance is a difference, and scale enlarges rounding.
        with torch.autocast(feature.device.type, enabled=False):
            x = self.embed(feature)
            # Without dividing by the length, which may be 0.
            x = x / (1 + x.norm(dim=1, keepdim=True))
            return self.scale * F.linear(x, F.normalize(self.classifier.weight))

    def embed(self, feature: torch.Tensor) -> torch.Tensor:
        """The embedding x (N, D) of features (N, D)."""
        # The classifier only reads the memory; the memory's own loss trains it.
        centroids = self.memory.centroids.detach()
        distance = torch.cdist(
            feature, centroids, compute_mode='donot_use_mm_for_euclid_dist'
        )
        # A class's only image can equal its centroid.
        nearest = distance.min(1, keepdim=True).values.clamp_min(1e-6)
        recalled = self.fc(feature).softmax(1) @ centroids
        chosen = self.selector(feature).tanh() * recalled
        return self.reach / nearest * (feature + chosen)

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss of the logits and of the memory, and with ``cal_acc`` the accuracy."""
        losses = super().loss(feats, data_samples, **kwargs)
        loss = self.loss_of_features(self.memory, feats, data_samples)
        return dict(losses, loss_centroids=loss)

"""A linear classifier with a second loss on its input features."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...checks import check_number
from .linear_head import LinearHead


@MODELS.register_module()
class FeatureLossHead(LinearHead):
    r"""Linear head with an additional metric-learning loss on the features.

    Training minimises :math:`\ell(z, y) + w\, \ell_f(f, y)`; prediction is that of
    ``LinearClsHead``. A loss that compares the images of a class needs several of them in a
    batch: ``ClassBalancedSampler(images_per_class=4)``. Every rank compares its own images.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        feature_loss: Config of a module that maps features (N, D) and labels (N,) to a scalar:
            :class:`RangeLoss`, :class:`LiftedStructuredLoss`, or any other by its import
            path, such as ``pytorch_metric_learning.losses.SupConLoss``.
        feature_weight: Its weight w, >= 0.
        **kwargs: Arguments of ``LinearClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: ``feature_weight`` is negative, or the batch has soft labels.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models import FeatureLossHead
        >>> head = FeatureLossHead(
        ...     num_classes=10, in_channels=64, feature_loss=dict(type='RangeLoss')
        ... )
        >>> samples = [DataSample().set_gt_label(n % 2) for n in range(4)]
        >>> sorted(head.loss((torch.randn(4, 64),), samples))
        ['loss', 'loss_feature']
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        feature_loss: dict,
        feature_weight: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_number('feature_weight of FeatureLossHead', feature_weight, '[0, inf)')
        self.feature_loss = MODELS.build(feature_loss)
        self.feature_weight = feature_weight

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Both losses, and with ``cal_acc`` the training accuracy."""
        losses = super().loss(feats, data_samples, **kwargs)
        loss = self.loss_of_features(self.feature_loss, feats, data_samples)
        return dict(losses, loss_feature=self.feature_weight * loss)

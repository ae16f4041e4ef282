"""The base of all linear heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample

from .accuracies import accuracies
from .targets import stack_labels, stack_targets


class LinearHead(LinearClsHead):
    """mmpretrain's ``LinearClsHead`` with a correct training accuracy.

    mmpretrain counts a prediction only if its score is above 0. This is right for
    probabilities, but the largest logit, especially a cosine, can be negative.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models.heads.linear_head import LinearHead
        >>> head = LinearHead(num_classes=2, in_channels=4, cal_acc=True)
        >>> sorted(head.loss((torch.zeros(1, 4),), [DataSample().set_gt_label(0)]))
        ['accuracy_top-1', 'loss']
    """

    def feature_of(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The classifier's inputs (N, D) in its own dtype, even under autocast."""
        return self.pre_logits(feats).to(self.fc.weight.dtype)

    def loss_of_features(
        self,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
    ) -> torch.Tensor:
        """Apply a loss to the classifier's inputs (N, D) and hard labels (N,)."""
        label = stack_labels(data_samples, type(self).__name__)
        feature = self.feature_of(feats)
        # Not in bfloat16, because distances are differences.
        with torch.autocast(feature.device.type, enabled=False):
            return loss(feature, label)

    def _get_loss(
        self, cls_score: torch.Tensor, data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        target = stack_targets(data_samples)
        loss = self.loss_module(
            cls_score, target, avg_factor=cls_score.size(0), **kwargs
        )
        losses = dict(loss=loss)
        if self.cal_acc:
            losses.update(accuracies(cls_score, target, self.topk))
        return losses

"""A classifier for the classes of one shot split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.models.losses import LabelSmoothLoss
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...checks import check_choice
from ...class_counts import SHOT_SPLITS, shot_splits
from ...errors import ConfigError
from .linear_head import LinearHead
from .targets import stack_labels


@MODELS.register_module()
class ShotSplitHead(LinearHead):
    r"""Classify among the many-, medium- or few-shot classes only.

    An expert of LFME (Xiang et al., ECCV 2020, Sec. 3.1). Logits of all other classes are
    -10,000, so they do not affect the loss and are never predicted. Labels thus stay as they
    are, and ``shot/<split>`` is the expert's accuracy on its own classes, if the metric has
    the same thresholds. ``ShotSplitSampler`` draws their images.

    Args:
        *args: Arguments of mmpretrain's ``LinearClsHead``.
        split: ``many``, ``medium`` or ``few``.
        many: Classes with more training images are many-shot.
        few: Classes with fewer training images are few-shot.
        **kwargs: Arguments of mmpretrain's ``LinearClsHead``.

    Raises:
        ConfigError: The split is unknown or has no class, labels are soft or smoothed, or
            the sampler draws other classes.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ShotSplitHead
        >>> head = ShotSplitHead(num_classes=3, in_channels=4, split='medium')
        >>> head.set_class_counts([500, 50, 60])
        >>> head((torch.zeros(1, 4),)) > -10_000
        tensor([[False,  True,  True]])
        >>> head.classes
        tensor([1, 2])
    """

    def __init__(
        self,
        *args: Any,
        split: str = 'many',
        many: int = 100,
        few: int = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_choice('split of ShotSplitHead', split, SHOT_SPLITS)
        shot_splits([], many, few)  # checks the thresholds
        self.split = split
        self.many = many
        self.few = few
        self.check_loss(self.loss_module)
        # 1 for the split's classes. Not an offset of the logits, -inf for all others,
        # because FiniteLossHook only lets finite tensors into a checkpoint.
        self.register_buffer('own', torch.ones(self.num_classes))

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Determine the split's classes from the training images per class, (C,)."""
        classes = shot_splits(counts, self.many, self.few)[self.split]
        if not len(classes):
            raise ConfigError(
                f'split={self.split!r} of ShotSplitHead: no class is {self.split}-shot '
                f'with many={self.many} and few={self.few}'
            )
        self.own.zero_()
        self.own[torch.from_numpy(classes)] = 1

    def check_loss(self, loss: Any) -> None:
        """Refuse smoothed labels."""
        if isinstance(loss, LabelSmoothLoss):
            raise ConfigError(
                'LabelSmoothLoss needs a probability for every class, and ShotSplitHead only '
                'predicts those of its split: set model.head.loss to CrossEntropyLoss'
            )

    def check_sampler(self, sampler: Any) -> None:
        """Refuse a sampler that draws images of other classes."""
        wanted = dict(split=self.split, many=self.many, few=self.few)
        if {name: getattr(sampler, name, None) for name in wanted} != wanted:
            arguments = ', '.join(f'{name}={value!r}' for name, value in wanted.items())
            raise ConfigError(
                'train_dataloader.sampler must draw the classes of model.head: set it to '
                f"dict(type='ShotSplitSampler', {arguments})"
            )

    @property
    def classes(self) -> torch.Tensor:
        """Ids of the split's classes, int64, ascending."""
        return self.own.nonzero()[:, 0]

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C); -10,000 for the classes of other splits."""
        logits: torch.Tensor = super().forward(feats)
        # Finite, even in float16, because a focal loss multiplies the logarithm by 0.
        return logits.masked_fill(self.own == 0, -10_000)

    def _get_loss(
        self, cls_score: torch.Tensor, data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        stack_labels(data_samples, type(self).__name__)  # refuses soft ones
        return super()._get_loss(cls_score, data_samples, **kwargs)

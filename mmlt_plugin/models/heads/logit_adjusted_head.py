"""Post-hoc logit adjustment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from ...errors import ConfigError, lacks_counts
from ..losses import LogitAdjustedLoss
from ..losses.constants import ModuleWithConstants
from .linear_head import LinearHead


@MODELS.register_module()
class LogitAdjustedHead(ModuleWithConstants, LinearHead):
    r"""Linear head that subtracts the log prior of each class in evaluation.

    Menon et al., ICLR 2021, Eq. 9, "post-hoc logit adjustment":
    :math:`z_i = w_i f + b_i - \tau \log \pi_i` with :math:`\pi_i = N_i / \sum_j N_j`. It
    needs no training of its own: test any checkpoint of a ``LinearClsHead`` with it. The class
    counts are in the checkpoint, or are taken from the config's training data. Training is
    that of ``LinearClsHead``, with any loss except :class:`LogitAdjustedLoss`, after which
    plain logits are already adjusted.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        tau: Strength; 1 is right for calibrated probabilities, 0 is the plain head. Choose
            another one on validation images with ``tools/analysis/head_sweep.py``.
        **kwargs: Arguments of ``LinearClsHead``.

    Raises:
        ConfigError: ``tau`` is negative, the loss adjusts logits itself, or the class counts
            are missing or of another number of classes.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LogitAdjustedHead
        >>> head = LogitAdjustedHead(num_classes=2, in_channels=4).eval()
        >>> head.set_class_counts([90, 10])
        >>> head.fc.bias.data = torch.tensor([0.9, 0.1]).log()  # knows the prior only
        >>> head.predict((torch.zeros(1, 4),))[0].pred_score.detach()
        tensor([0.5000, 0.5000])
    """

    log_prior: torch.Tensor
    constants = ('log_prior',)
    #: So that counts missing in a checkpoint are taken from the training data.
    predicts_by_counts = True

    def __init__(
        self, num_classes: int, in_channels: int, tau: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_number('tau of LogitAdjustedHead', tau, '[0, inf)')
        self.tau = tau
        self.check_loss(self.loss_module)
        self.log_prior = torch.zeros(0, dtype=torch.float64)

    def check_loss(self, loss: Any) -> None:
        """Refuse a loss that has adjusted the logits already."""
        if isinstance(loss, LogitAdjustedLoss):
            raise ConfigError(
                f'LogitAdjustedHead would adjust the logits a second time that '
                f'{type(loss).__name__} has adjusted in training: use only one of them'
            )

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Set the training images per class, shape (C,)."""
        images = self.images_per_class(counts)
        if len(images) != self.num_classes:
            raise ConfigError(
                f'LogitAdjustedHead with num_classes={self.num_classes} got the training '
                f'images of {len(images)} classes: they must be the same'
            )
        self.keep(log_prior=(images / images.sum()).log())

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C); in evaluation -inf for classes without training images."""
        logits = super().forward(feats)
        if self.training:
            return logits
        if not self.log_prior.numel():
            raise lacks_counts('LogitAdjustedHead')
        prior = self.log_prior.to(torch.promote_types(logits.dtype, torch.float32))
        absent = prior == -torch.inf
        return (logits - self.tau * prior).masked_fill(absent, -torch.inf)

"""Post-hoc logit adjustment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.registry import MODELS

from ...checks import check_number
from ...errors import ConfigError, lacks_counts
from .linear_head import LinearHead


@MODELS.register_module()
class LogitAdjustedHead(LinearHead):
    r"""Linear head whose logits lose the log prior of their class in evaluation.

    Menon et al., ICLR 2021, Eq. 9, "post-hoc logit adjustment":
    :math:`z_i = w_i f + b_i - \tau \log \pi_i` with :math:`\pi_i = N_i / \sum_j N_j`. Needs
    no training of its own: test any checkpoint of a ``LinearClsHead`` with it; the
    training images per class are in the checkpoint, or come from the config's training
    data. Training is ``LinearClsHead``'s; after one with :class:`LogitAdjustedLoss` the
    plain logits are adjusted already.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        tau: Strength; 1 is right for probabilities that fit the training data, 0 is the
            plain head. Another one is chosen on validation images, with
            ``tools/analysis/head_sweep.py``.
        **kwargs: Arguments of ``LinearClsHead``.

    Raises:
        ConfigError: ``tau`` is negative, or nothing has brought the training images per
            class, or those of other classes.

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

    def __init__(
        self, num_classes: int, in_channels: int, tau: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_number('tau of LogitAdjustedHead', tau, '[0, inf)')
        self.tau = tau
        # Not in the state dict: it follows from the training images.
        self.register_buffer('log_prior', torch.zeros(num_classes), persistent=False)
        self._knows_counts = False

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Take the training images per class, shape (C,)."""
        images = torch.as_tensor(np.asarray(counts), dtype=torch.float64)
        if images.shape != self.log_prior.shape:
            raise ConfigError(
                f'LogitAdjustedHead with num_classes={self.num_classes} got the training '
                f'images of {len(images)} classes: they must be the same'
            )
        self.log_prior.copy_((images / images.sum()).log())
        self._knows_counts = True

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C), in evaluation -inf for classes without training images."""
        logits = super().forward(feats)
        if self.training:
            return logits
        if not self._knows_counts:
            raise lacks_counts('LogitAdjustedHead')
        absent = self.log_prior == -torch.inf
        return (logits - self.tau * self.log_prior).masked_fill(absent, -torch.inf)

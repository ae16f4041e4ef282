"""Label-distribution-aware margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError
from .class_count_loss import ClassCountLoss


@MODELS.register_module()
class LDAMLoss(ClassCountLoss):
    r"""Cross-entropy with a larger margin for rarer classes.

    Cao et al., NeurIPS 2019, Eq. 13: with :math:`\Delta_i \propto N_i^{-1/4}`, the largest
    of which is ``max_margin``,

    .. math:: \ell(z, y) = -\log \frac{e^{s (z_y - \Delta_y)}}
        {e^{s (z_y - \Delta_y)} + \sum_{i \ne y} e^{s z_i}}

    The logits must be cosines, such as those of :class:`CosineClsHead`. LDAM-DRW adds
    ``scheme='effective'`` in the last epochs.

    Args:
        max_margin: Margin of the rarest class that has images, in (0, 1].
        scale: The factor s > 0 of the cosines.
        **kwargs: Arguments of :class:`ClassCountLoss`.

    Raises:
        ConfigError: An argument lies outside its range, or the head's logits are not
            cosines.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LDAMLoss
        >>> loss = LDAMLoss()
        >>> loss.set_class_counts([1600, 100])
        >>> loss.margins
        tensor([0.2500, 0.5000], dtype=torch.float64)
    """

    margins: torch.Tensor
    constants = ('counts', 'weights', 'margins')

    def __init__(
        self, max_margin: float = 0.5, scale: float = 30.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_number('max_margin of LDAMLoss', max_margin, '(0, 1]')
        check_number('scale of LDAMLoss', scale, '(0, inf)')
        self.max_margin = max_margin
        self.scale = scale

    def check_head(self, head: nn.Module) -> None:
        """Refuse a head whose logits are not cosines.

        Args:
            head: The head with this loss; ``gives_cosines`` is True if its logits are cosines.
        """
        if not getattr(head, 'gives_cosines', False):
            raise ConfigError(
                f'LDAMLoss takes cosines, and {type(head).__name__} gives other logits: '
                "set model.head.type='CosineClsHead' with scale=1"
            )

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Set the training images per class; a class without images is treated as the rarest."""
        super().set_class_counts(counts)
        rarest = self.counts[self.counts > 0].min()
        shares = rarest / self.counts.clamp_min(rarest)
        self.keep(margins=self.max_margin * shares**0.25)

    def losses_of_labels(self, cls_score: torch.Tensor) -> torch.Tensor:
        """Loss (N, C) with margin of every image for every label."""
        logits = self.scale * cls_score
        shifted = self.scale * (cls_score - self.margins.to(cls_score))
        return F.softplus(log_sum_of_others(logits) - shifted, threshold=50)


def log_sum_of_others(logits: torch.Tensor) -> torch.Tensor:
    r"""Compute :math:`\log \sum_{i \ne c} e^{z_i}` for every class c, (N, C).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.losses.ldam_loss import log_sum_of_others
        >>> log_sum_of_others(torch.tensor([[5.0, 90.0]]))
        tensor([[90.,  5.]])
    """
    # log(1 - p_c) loses all digits if p_c is near 1, which is only possible for the largest
    # of a row. For that one the other classes are summed separately.
    largest = torch.zeros_like(logits, dtype=torch.bool)
    largest.scatter_(1, logits.argmax(1, keepdim=True), True)
    rest = logits.masked_fill(largest, -torch.inf).logsumexp(1, keepdim=True)
    share = logits.softmax(1).masked_fill(largest, 0)
    total = logits.logsumexp(1, keepdim=True)
    return torch.where(largest, rest, total + torch.log1p(-share))

"""The loss of diverse experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError, lacks_counts
from .constants import ModuleWithConstants
from .matching import check_match, scale_of


@MODELS.register_module()
class RIDELoss(ModuleWithConstants):
    r"""The experts' own losses, minus a reward for their distance to the mean.

    RIDE (Wang et al., ICLR 2021, Sec. 3), as in the released code: with the mean logits
    :math:`\bar z` of K experts, through which no gradient flows,

    .. math:: L = \sum_{k=1}^K \ell(z_k, y) - \lambda \bar T^2 \sum_{k=1}^K
        \mathrm{KL}\big(\mathrm{softmax}(\bar z / T)\,\|\,\mathrm{softmax}(z_k / T)\big)

    averaged over the batch. The temperature of a class grows with its share of the N training
    images, and :math:`\bar T` is the mean over classes:

    .. math:: T_c = T \, \frac{w_c}{\max_i w_i}, \qquad
        w_c = \gamma \frac{C N_c}{N} + 1 - \gamma

    so experts may differ more on classes with few images. The released code starts to use
    class temperatures in the same epoch as the deferred class weights.

    Args:
        loss: Config of :math:`\ell`; the scale of :class:`LDAMLoss` is applied in the
            diversity as well.
        diversity: The factor :math:`\lambda` >= 0.
        temperature: T > 0.
        imbalance: :math:`\gamma` in [0, 1); 0 gives all classes the same temperature.
        loss_weight: Factor of both terms, >= 0.

    Raises:
        ConfigError: An argument lies outside its range, the head is not one of several
            experts, or class counts are missing that ``imbalance`` needs.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import RIDELoss
        >>> loss = RIDELoss(dict(type='CrossEntropyLoss'))
        >>> sorted(loss(torch.randn(4, 3, 10), torch.tensor([0, 1, 2, 3])))
        ['loss', 'loss_diversity']
    """

    temperatures: torch.Tensor
    constants = ('temperatures',)

    def __init__(
        self,
        loss: dict,
        diversity: float = 0.2,
        temperature: float = 1.0,
        imbalance: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_number('diversity of RIDELoss', diversity, '[0, inf)')
        check_number('temperature of RIDELoss', temperature, '(0, inf)')
        check_number('imbalance of RIDELoss', imbalance, '[0, 1)')
        check_number('loss_weight of RIDELoss', loss_weight, '[0, inf)')
        self.loss = MODELS.build(loss)
        self.diversity = diversity
        self.temperature = temperature
        self.imbalance = imbalance
        self.loss_weight = loss_weight
        self.temperatures = torch.tensor([temperature], dtype=torch.float64)

    def check_head(self, head: nn.Module) -> None:
        """Refuse a head that is not one of several experts or does not fit the inner loss."""
        if not getattr(head, 'is_expert', False):
            raise ConfigError(
                f'RIDELoss compares experts, and {type(head).__name__} is not one of '
                "several: put it into model.head=dict(type='MultiExpertHead', head=...)"
            )
        check_match(head, self.loss)

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Set the training images per class, shape (C,)."""
        images = self.images_per_class(counts)
        weights = self.imbalance * images / images.mean() + 1 - self.imbalance
        self.keep(temperatures=self.temperature * weights / weights.max())

    def forward(
        self, logits: torch.Tensor, target: torch.Tensor, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """Both terms of the loss.

        Args:
            logits: Logits of every expert, (N, K, C).
            target: Labels (N,) or soft labels (N, C).
            **kwargs: Passed on to the experts' loss.

        Returns:
            dict: ``loss``, and ``loss_diversity``, which is not positive.
        """
        if logits.dim() != 3:
            raise ConfigError(
                f'RIDELoss takes the logits of all experts and got {tuple(logits.shape)}: '
                'put the head with this loss into a MultiExpertHead'
            )
        if self.imbalance and self.temperatures.numel() != logits.size(-1):
            raise lacks_counts(f'RIDELoss with imbalance={self.imbalance}')
        own = [
            self.loss(z, target, avg_factor=len(z), **kwargs) for z in logits.unbind(1)
        ]
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        scaled = scale_of(self.loss) * logits
        scaled = scaled / self.temperatures.to(scaled)
        mean = scaled.detach().mean(1, keepdim=True).log_softmax(-1)
        # KL divergence of every expert, (N, K).
        distance = (mean.exp() * (mean - scaled.log_softmax(-1))).sum(-1)
        factor = self.diversity * self.temperatures.mean().to(scaled) ** 2
        return dict(
            loss=self.loss_weight * torch.stack(own).sum(),
            loss_diversity=-self.loss_weight * factor * distance.sum(1).mean(),
        )

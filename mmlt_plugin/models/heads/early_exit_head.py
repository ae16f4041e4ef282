"""Classifiers at several depths; easy images exit early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...checks import check_number
from ...errors import ConfigError
from ..losses import ClassCountLoss, check_logits_suffice, scale_of
from .accuracies import accuracies
from .multi_expert_head import MultiExpertHead
from .targets import stack_targets


@MODELS.register_module()
class EarlyExitHead(MultiExpertHead):
    r"""Classifiers after several stages; an image exits at the first confident one.

    ELF (Duggal et al., 2020). In training, an image leaves at the first exit that classifies
    it correctly with enough confidence, and every exit up to there adds its loss:

    .. math:: L = \frac1N \sum_n \sum_{k=1}^{e_n} \ell(z_{nk}, y_n)

    so hard images count more, and the last stages learn from them only. In evaluation, an
    image takes the first confident exit, or else the last one.

    Args:
        head: Config of an exit's head without ``in_channels``; its loss must depend on the
            logits alone.
        in_channels: Channels of the features, from the first stage to the last.
        confidence: An exit is confident if its largest probability exceeds this, in (0, 1].

    Raises:
        ConfigError: ``confidence`` lies outside its range, the head overrides ``loss`` or has
            a loss without one value per image, or backbone and neck give another number of
            features.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import EarlyExitHead
        >>> linear = dict(type='LinearClsHead', num_classes=10)
        >>> head = EarlyExitHead(head=linear, in_channels=[16, 32, 64])
        >>> head((torch.zeros(2, 16), torch.zeros(2, 32), torch.zeros(2, 64))).shape
        torch.Size([2, 10])
    """

    compares_experts = False

    def __init__(
        self, head: dict, in_channels: Sequence[int], confidence: float = 0.9
    ) -> None:
        super().__init__(
            [{**head, 'in_channels': channels} for channels in in_channels]
        )
        check_logits_suffice(self, self.experts[0])
        check_number('confidence of EarlyExitHead', confidence, '(0, 1]')
        self.confidence = confidence

    def is_sure(self, logits: torch.Tensor) -> torch.Tensor:
        """Which exits are confident, (N, K), by their logits (N, K, C)."""
        logits = scale_of(self.loss_module) * logits.detach()
        return logits.softmax(-1).amax(-1) > self.confidence

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C) of the exit that every image takes."""
        logits = self.expert_logits(feats)
        sure = self.is_sure(logits).float()
        sure[:, -1] = 1
        taken = sure.argmax(1)  # the first of the largest
        taken = taken[:, None, None].expand(-1, 1, logits.size(-1))
        return logits.gather(1, taken).squeeze(1)

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss of the exits that images reach.

        Args:
            feats: One feature per exit.
            data_samples: The batch's labels; an exit is correct about a soft label if it
                predicts its largest part.
            **kwargs: Passed on to the loss.

        Returns:
            dict: ``loss``, ``exits`` (the mean number of exits that an image reaches) and
            the last exit's ``accuracy_top-k``.
        """
        criterion: Any = self.loss_module
        logits = self.expert_logits(feats)
        target = stack_targets(data_samples)
        own = torch.stack(
            [
                criterion(z, target, reduction_override='none', **kwargs)
                for z in logits.unbind(1)
            ],
            dim=1,
        )
        if own.dim() > 2:
            raise ConfigError(
                f'EarlyExitHead needs a loss for each image, and {type(criterion).__name__} '
                'has one for each class: use one of a softmax'
            )
        label = target if target.dim() == 1 else target.argmax(1)
        leaves = (logits.argmax(-1) == label[:, None]) & self.is_sure(logits)
        stays = torch.ones_like(own)
        stays[:, 1:] = (~leaves[:, :-1]).to(own).cumprod(1)
        divisor: Any = len(own)
        if isinstance(criterion, ClassCountLoss):
            divisor = criterion.divisor(criterion.weights_of(target).to(own))
        found = dict(
            loss=(stays * own).sum() / divisor, exits=stays.sum(1).mean().detach()
        )
        if self.cal_acc:
            found.update(accuracies(logits[:, -1], target, self.topk))
        return found

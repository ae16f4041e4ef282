"""Several heads whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import ModuleList
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...checks import check_number
from ...errors import ConfigError
from ..losses import RIDELoss, check_logits_suffice
from .accuracies import accuracies
from .targets import stack_targets


@MODELS.register_module()
class MultiExpertHead(ClsHead):
    r"""One head per expert; the prediction is the mean of their logits.

    RIDE (Wang et al., ICLR 2021, Sec. 3), and ResLT's released code on top of it. The
    experts' losses are added. Any head works that needs no class means. With
    :class:`RIDELoss` the experts are also driven apart; any other loss sees one expert at a
    time.

    Args:
        head: Config of an expert's head, or a list with one config per expert. They share the
            loss of the first, so ``DeferredRecipeHook`` changes it for all.
        experts: Number of experts K, the same as in :class:`MultiExpertNeck`; ignored if
            ``head`` is a list.

    Raises:
        ConfigError: ``experts`` is no positive integer, the head needs class means or, with
            :class:`RIDELoss`, overrides ``loss``, or the number of features is not that of
            the experts.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import MultiExpertHead
        >>> head = dict(type='LinearClsHead', num_classes=10, in_channels=48)
        >>> head = MultiExpertHead(head=head, experts=3)
        >>> head(tuple(torch.zeros(3, 2, 48))).shape
        torch.Size([2, 10])
    """

    #: Whether a loss may compare the experts.
    compares_experts = True

    def __init__(self, head: dict | Sequence[dict], experts: int = 3) -> None:
        super().__init__()
        if isinstance(head, dict):
            check_number(
                'experts of MultiExpertHead', experts, '[1, inf)', integer=True
            )
            head = [head] * experts
        if not head:
            raise ConfigError(f'{type(self).__name__} has no experts: name one or more')
        self.experts = ModuleList(MODELS.build(cfg) for cfg in head)
        first: Any = self.experts[0]
        self.loss_module = first.loss_module
        self.num_classes = first.num_classes
        self.topk, self.cal_acc = first.topk, first.cal_acc
        for expert in self.experts:
            expert.loss_module = self.loss_module
            expert.is_expert = self.compares_experts
        if hasattr(first, 'set_class_means'):
            raise ConfigError(
                f'{type(self).__name__} cannot have a {type(first).__name__} for each '
                'expert: there are class means of one feature only'
            )
        if isinstance(self.loss_module, RIDELoss):
            check_logits_suffice(self, first)

    def of_each(
        self, feats: tuple[torch.Tensor, ...]
    ) -> list[tuple[Any, tuple[torch.Tensor]]]:
        """The experts, each with its own feature."""
        if len(feats) != len(self.experts):
            raise ConfigError(
                f'{type(self).__name__} has {len(self.experts)} heads and got {len(feats)} '
                'features: backbone or neck must have one for each'
            )
        return [(expert, (feat,)) for expert, feat in zip(self.experts, feats)]

    def pre_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Inputs of the experts' classifiers, concatenated, (N, K D)."""
        parts = [expert.pre_logits(feat) for expert, feat in self.of_each(feats)]
        return torch.cat([part.flatten(1) for part in parts], 1)

    def expert_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits of every expert, (N, K, C)."""
        return torch.stack([expert(feat) for expert, feat in self.of_each(feats)], 1)

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Mean logits, (N, C)."""
        return self.expert_logits(feats).mean(1)

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Losses, summed over the experts.

        Args:
            feats: One feature per expert.
            data_samples: The batch's labels, hard or soft.
            **kwargs: Passed on to the loss.

        Returns:
            dict: ``loss`` and ``loss_diversity`` of :class:`RIDELoss`, or what the experts'
            heads return, with accuracies averaged.
        """
        if isinstance(self.loss_module, RIDELoss):
            logits = self.expert_logits(feats)
            target = stack_targets(data_samples)
            losses = self.loss_module(logits, target, **kwargs)
            if self.cal_acc:
                losses.update(accuracies(logits.mean(1), target, self.topk))
            return losses
        parts = [
            expert.loss(feat, data_samples, **kwargs)
            for expert, feat in self.of_each(feats)
        ]
        losses = {}
        for key in parts[0]:
            # mmpretrain's heads return a list of accuracies, one per threshold.
            values = [x[0] if isinstance(x := part[key], list) else x for part in parts]
            total = torch.stack(values).sum(0)
            losses[key] = total if 'loss' in key else total / len(parts)
        return losses

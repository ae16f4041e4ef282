"""The residual-fusion head of ResLT."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ...checks import check_choice, check_number
from ...class_counts import check_group_sizes, class_groups
from ...errors import ConfigError, lacks_counts
from ..layers import BranchConv, BranchNorm, tau_normalize
from ..losses import ResLTLoss
from .accuracies import accuracies
from .targets import stack_targets

BRANCHES: dict[str, Any] = dict(bn=BranchNorm, conv=BranchConv)
POOLS = ('after', 'before')

#: From branch logits (N, G, C) to the logits (N, C) that are the prediction.
FUSIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = dict(
    sum=lambda z: z.sum(1),
    main=lambda z: z[:, 0],
    max=lambda z: z.amax(1),
    softmax=lambda z: z.log_softmax(-1).logsumexp(1) - math.log(z.size(1)),
)


@MODELS.register_module()
class ResLTHead(ClsHead):
    r"""Nested branches for all, medium + tail and tail classes, whose logits are added.

    ResLT (Cui et al., 2021, Sec. 3.2): G light branches on the last feature share one
    classifier. The first branch learns all classes, each further one only rarer groups of
    classes, and their logits are added. The groups follow from the training images per
    class, which ``ClassCountsHook`` provides.

    The head takes the last feature of any backbone or neck, a map or a vector. The defaults
    are those of the released code on CIFAR; on ImageNet-LT and iNaturalist that has
    ``branch='conv', pool='after', eval_pool='before'`` and a ``tau``.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        groups: Number of groups G >= 2 of equal internal imbalance, or their sizes, from the
            most frequent classes to the rarest, which sum to C.
        branch: ``bn`` (batch normalisation) or ``conv`` (1 x 1 convolution, BN, ReLU).
        pool: Whether a map is averaged ``after`` or ``before`` the branches.
        eval_pool: The same in evaluation; None is the same as ``pool``.
        tau: In evaluation, drop the classifier's bias and divide its rows by their norm to
            this power; None leaves the classifier as it is.
        nested: Whether branch b learns the groups b, b+1, ... (ResLT), or only group b
            (Fig. 2c and the baselines of Table 1).
        specialized: Whether each branch has its own parameters (ResLT), or all share them
            (Fig. 2d).
        fusion: ``sum`` (ResLT, Baseline-2), ``main`` (the first branch alone, without the
            additive shortcut, Fig. 2b), ``max`` (Baseline-1) or ``softmax`` (mean of the
            branches' probabilities, Baseline-3).
        loss: Config of a :class:`ResLTLoss` with its ``alpha``.
        norm_cfg: Normalisation of the branches; ``dict(type='SyncBN')`` on several GPUs.
        **kwargs: Arguments of mmpretrain's ``ClsHead``: ``topk``, ``cal_acc``,
            ``init_cfg``.

    Raises:
        ConfigError: An argument lies outside its range, group sizes do not sum to C, the loss
            is no ``ResLTLoss``, features have another size, or class counts are missing in
            training.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ResLTHead
        >>> head = ResLTHead(num_classes=10, in_channels=64, groups=[2, 2, 6])
        >>> head.set_class_counts([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50])
        >>> head.masks.sum(1)
        tensor([10.,  8.,  6.])
        >>> head((torch.zeros(4, 64, 8, 8),)).shape
        torch.Size([4, 10])
    """

    masks: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        groups: int | Sequence[int] = 3,
        branch: str = 'bn',
        pool: str = 'after',
        eval_pool: str | None = None,
        tau: float | None = None,
        nested: bool = True,
        specialized: bool = True,
        fusion: str = 'sum',
        loss: Any = None,
        norm_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(loss=loss or dict(type='ResLTLoss'), **kwargs)
        self.check_loss(self.loss_module)
        eval_pool = eval_pool or pool
        for name, value in (('num_classes', num_classes), ('in_channels', in_channels)):
            check_number(f'{name} of ResLTHead', value, '[1, inf)', integer=True)
        check_choice('branch of ResLTHead', branch, BRANCHES)
        check_choice('fusion of ResLTHead', fusion, FUSIONS)
        check_choice('pool of ResLTHead', pool, POOLS)
        check_choice('eval_pool of ResLTHead', eval_pool, POOLS)
        if tau is not None:
            check_number('tau of ResLTHead', tau, '[0, inf)')
        if isinstance(groups, (list, tuple)):
            check_group_sizes(groups, num_classes)
        else:
            bounds = f'[2, {num_classes}]'
            check_number('groups of ResLTHead', groups, bounds, integer=True)
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.groups = groups
        self.num_groups = groups if isinstance(groups, int) else len(groups)
        self.pool = pool
        self.eval_pool = eval_pool
        self.tau = tau
        self.nested = nested
        self.fusion = fusion
        self.branches = BRANCHES[branch](
            in_channels,
            self.num_groups if specialized else 1,
            norm_cfg or dict(type='BN'),
        )
        self.fc = nn.Linear(in_channels, num_classes)
        self.register_buffer(
            'masks', torch.zeros(self.num_groups, num_classes), persistent=False
        )
        self._knows_counts = False

    def check_loss(self, loss: nn.Module) -> None:
        """Refuse a loss that does not take branches."""
        if not isinstance(loss, ResLTLoss):
            raise ConfigError(
                f'loss of ResLTHead must take the logits of branches and their masks, as '
                f'ResLTLoss does, and {type(loss).__name__} does not'
            )

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Form the groups from the training images per class, (C,)."""
        if len(counts) != self.num_classes:
            raise ConfigError(
                f'ResLTHead has num_classes={self.num_classes}, the training dataset '
                f'has {len(counts)} classes'
            )
        groups = class_groups(counts, self.groups)
        self.masks.zero_()
        for b in range(self.num_groups):
            learnt = np.concatenate(groups[b:]) if self.nested else groups[b]
            self.masks[b, torch.from_numpy(learnt).to(self.masks.device)] = 1
        self._knows_counts = True
        sizes = [len(group) for group in groups]
        print_log(f'ResLTHead: groups of {sizes} classes, head to tail', 'current')
        if 0 in sizes:
            print_log(
                f'ResLTHead: group {sizes.index(0)} has no class, its branch learns '
                'nothing of its own; fewer groups or explicit sizes would suit these '
                'class counts',
                'current',
                level=logging.WARNING,
            )

    def pre_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Branch features (N, G, D), or (N, 1, D) if all branches are the same."""
        x = feats[-1]
        if not isinstance(x, torch.Tensor):
            raise ConfigError(
                f'ResLTHead got a {type(x).__name__} of features: it takes a map '
                '(N, D, H, W) or vectors (N, D), so model.neck should make one of them'
            )
        if x.dim() == 2:
            x = x[:, :, None, None]
        if x.dim() != 4 or x.size(1) != self.in_channels:
            raise ConfigError(
                f'ResLTHead with in_channels={self.in_channels} got a feature of shape '
                f'{tuple(feats[-1].shape)}: it takes maps (N, D, H, W) or vectors (N, D)'
            )
        pool = self.pool if self.training else self.eval_pool
        try:
            return self.branches(x, pool_first=pool == 'before')
        except ValueError as error:
            if len(x) > 1:
                raise
            raise ConfigError(
                'ResLTHead got a batch of a single image, which has no variance to normalise '
                'its feature by: set train_dataloader.drop_last=True'
            ) from error

    def branch_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits of every branch, (N, G, C)."""
        x = self.pre_logits(feats)
        if self.training or self.tau is None:
            logits = self.fc(x)
        else:
            logits = F.linear(x, tau_normalize(self.fc.weight, self.tau))
        return logits.expand(-1, self.num_groups, -1)

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Fused logits, (N, C)."""
        return FUSIONS[self.fusion](self.branch_logits(feats))

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss terms, and with ``cal_acc`` the accuracy of the fused logits.

        Args:
            feats: The backbone's or neck's features, of which the last is used.
            data_samples: The batch's labels, hard or soft.
            **kwargs: Passed on to the loss.

        Returns:
            dict: ``loss_branch``, ``loss_fusion`` and ``accuracy_top-k``.

        Raises:
            ConfigError: The training images per class are missing.
        """
        if not self._knows_counts:
            raise lacks_counts('ResLTHead')
        branch_logits = self.branch_logits(feats)
        fused = FUSIONS[self.fusion](branch_logits)
        target = stack_targets(data_samples)
        losses = self.loss_module(branch_logits, fused, target, self.masks, **kwargs)
        if self.cal_acc:
            losses.update(accuracies(fused, target, self.topk))
        return losses

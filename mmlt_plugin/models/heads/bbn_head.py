"""The classifier of BBN."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ...checks import check_number
from ...errors import ConfigError
from ..layers import split_halves
from .accuracies import accuracies
from .targets import stack_labels


@MODELS.register_module()
class BBNHead(ClsHead):
    r"""One classifier on both branches' features, mixed by a cumulative alpha.

    BBN (Zhou et al., CVPR 2020), Eqs. 1 and 3, as the released code has them: with the
    features :math:`f_c, f_r` of a uniform and a re-balanced image

    .. math::

        z = W\,[2 \alpha f_c,\; 2 (1 - \alpha) f_r] + b, \qquad
        L = \alpha\, E(z, y_c) + (1 - \alpha)\, E(z, y_r)

    and in evaluation :math:`z = W [f_c, f_r] + b` for one image, which is
    :math:`\alpha = 1/2`. ``CumulativeAlphaHook`` moves alpha from 1 to 0.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels 2D of the neck's concatenated features.
        loss: Config of the loss E.
        init_cfg: Initialisation; None is PyTorch's, as in the released code.
        cal_acc: Whether to log the training accuracy, as the released code does.
        **kwargs: Arguments of mmpretrain's ``ClsHead``: ``topk``.

    Raises:
        ConfigError: ``in_channels`` is odd, features have another size, or, in training,
            alpha was never set or a batch augmentation made soft labels.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models import BBNHead
        >>> head = BBNHead(num_classes=10, in_channels=128)
        >>> head.set_alpha(0.75)
        >>> samples = [DataSample().set_gt_label(c) for c in (0, 1, 8, 9)]
        >>> sorted(head.loss((torch.zeros(2, 128),), samples))
        ['accuracy_top-1', 'alpha', 'loss_conventional', 'loss_rebalancing']
    """

    alpha: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: Any = None,
        init_cfg: Any = None,
        cal_acc: bool = True,
        **kwargs: Any,
    ) -> None:
        check_number('num_classes of BBNHead', num_classes, '[1, inf)', integer=True)
        check_number('in_channels of BBNHead', in_channels, '[2, inf)', integer=True)
        super().__init__(
            loss=loss or dict(type='CrossEntropyLoss'),
            init_cfg=init_cfg,
            cal_acc=cal_acc,
            **kwargs,
        )
        if in_channels % 2:
            raise ConfigError(
                f'in_channels={in_channels} of BBNHead must be even: both branches give '
                'half of the channels'
            )
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.fc = nn.Linear(in_channels, num_classes)
        # A buffer, so that torch.compile does not recompile for a new value; not in the
        # state dict, since it depends on the epoch alone.
        self.register_buffer('alpha', torch.ones(()), persistent=False)
        self._knows_alpha = False

    def set_alpha(self, alpha: float) -> None:
        """Set the weight of the conventional branch, in [0, 1]."""
        check_number('alpha of BBNHead', alpha, '[0, 1]')
        self.alpha.fill_(alpha)
        self._knows_alpha = True

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C) of images whose features (N, 2D) are from both branches."""
        return self.fc(feats[-1])

    def mixed_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (B, C) of pairs of images with features (B, 2D), at the current alpha."""
        if feats[-1].shape[1:] != (self.in_channels,):
            raise ConfigError(
                f'BBNHead with in_channels={self.in_channels} got features of shape '
                f'{tuple(feats[-1].shape)}: it takes the (N, 2D) of BilateralNeck, so '
                'set model.head.in_channels to twice the channels of the backbone'
            )
        weights = 2 * torch.stack([self.alpha, 1 - self.alpha])
        conventional_and_rebalancing = feats[-1].unflatten(1, (2, -1))
        mixed = conventional_and_rebalancing * weights[:, None].to(feats[-1].dtype)
        return self.fc(mixed.flatten(1))

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss of a bilateral batch.

        Args:
            feats: The neck's features of the B pairs, (B, 2D).
            data_samples: The labels of the 2B images, uniform ones first.
            **kwargs: Passed on to the loss.

        Returns:
            dict: The weighted ``loss_conventional`` and ``loss_rebalancing``; ``alpha``; and with
            ``cal_acc`` also ``accuracy_top-k`` in percent, weighted in the same way.
        """
        if not self._knows_alpha:
            raise ConfigError(
                'BBNHead needs its alpha: add default_hooks = dict('
                "cumulative_alpha=dict(type='CumulativeAlphaHook')) to the config, or "
                'call set_alpha'
            )
        target = stack_labels(data_samples, 'BBNHead')
        logits = self.mixed_logits(feats)
        weights = (self.alpha, 1 - self.alpha)
        losses: dict[str, torch.Tensor] = {}
        found: dict[str, torch.Tensor] = {}
        for name, weight, labels in zip(
            ('conventional', 'rebalancing'), weights, split_halves(target)
        ):
            loss = self.loss_module(logits, labels, avg_factor=len(labels), **kwargs)
            losses[f'loss_{name}'] = weight * loss
            if self.cal_acc:
                for key, value in accuracies(logits, labels, self.topk).items():
                    found[key] = found.get(key, 0) + weight * value
        return dict(**losses, **found, alpha=self.alpha.clone())

"""Nearest class mean."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS

from ...checks import check_choice
from ...errors import ConfigError
from .linear_head import LinearHead

METRICS = ('cosine', 'euclidean')


@MODELS.register_module()
class NCMHead(LinearHead):
    r"""Classify by the nearest mean feature of a class.

    NCM of Kang et al., ICLR 2020, Sec. 4.2. Needs no training of its own: test any
    checkpoint of a ``LinearClsHead`` with it; ``ClassMeansHook`` computes the means
    :math:`m_i` over the training images first. The logits are :math:`\cos(m_i, f)` or
    :math:`-\|\hat m_i - \hat f\|^2` of features of length 1. Training is ``LinearClsHead``'s.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        metric: ``cosine`` or ``euclidean``.
        **kwargs: Arguments of ``LinearClsHead``.

    Raises:
        ConfigError: ``metric`` is unknown, or nothing has brought the means.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import NCMHead
        >>> head = NCMHead(num_classes=2, in_channels=2).eval()
        >>> head.set_class_means(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        >>> head((torch.tensor([[0.0, 3.0]]),))
        tensor([[0., 1.]])
    """

    def __init__(
        self, num_classes: int, in_channels: int, metric: str = 'cosine', **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_choice('metric of NCMHead', metric, METRICS)
        self.metric = metric
        # Not in the state dict: they follow from features and training images.
        self.means = torch.zeros(0)

    def set_class_means(self, means: torch.Tensor) -> None:
        """Take the mean features (C, D); rows of classes without images are zero."""
        self.means = F.normalize(means.to(self.fc.weight))
        self.absent = ~means.to(self.fc.weight).any(1)

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Similarities (N, C); -inf would be no finite score, so absent classes get -5."""
        if self.training:
            return super().forward(feats)
        if not self.means.numel():
            raise ConfigError(
                'NCMHead needs the mean features of the classes: add default_hooks = '
                "dict(class_means=dict(type='ClassMeansHook')) to the config"
            )
        feature = F.normalize(self.pre_logits(feats).to(self.means))
        # In bfloat16 many cosines would be equal.
        with torch.autocast(feature.device.type, enabled=False):
            if self.metric == 'cosine':
                score = F.linear(feature, self.means)
            else:
                score = -(torch.cdist(feature, self.means) ** 2)
        return score.masked_fill(self.absent, -5.0)

"""Weights of a classifier, made from images of classes that it has not learnt."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .cosines import cosines


class WeightGenerator(nn.Module):
    r"""What an image says about its class's row in a classifier of cosines.

    The weight generator with attention of Gidaris and Komodakis, CVPR 2018. With features
    f at length 1, and base classes b, whose rows :math:`w_b` are at length 1 too,

    .. math:: g(f) = \phi_{avg} \odot f + \phi_{att} \odot
        \sum_b \mathrm{softmax}_b\big(\gamma \cos(\phi_q f, k_b)\big)\, w_b

    and the row of a class without one is the mean of g over its images.

    Args:
        num_classes: Number of classes C, each of which has a key :math:`k_b`.
        channels: Channels D of the feature.
        sharpness: The factor :math:`\gamma` to begin with; it is learnt.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import WeightGenerator
        >>> generate = WeightGenerator(num_classes=10, channels=64)
        >>> is_base = torch.arange(10) < 7
        >>> generate(torch.randn(4, 64), torch.randn(10, 64), is_base).shape
        torch.Size([4, 64])
    """

    def __init__(
        self, num_classes: int, channels: int, sharpness: float = 10.0
    ) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
        with torch.no_grad():  # nearly the feature itself, as in the released code
            self.query.weight.copy_(
                torch.eye(channels) + 0.001 * torch.randn(channels, channels)
            )
            self.query.bias.zero_()
        self.keys = nn.Parameter(
            torch.randn(num_classes, channels) * (2 / channels) ** 0.5
        )
        self.sharpness = nn.Parameter(torch.tensor(float(sharpness)))
        self.of_average = nn.Parameter(torch.ones(channels))
        self.of_attention = nn.Parameter(torch.ones(channels))

    def forward(
        self, feature: torch.Tensor, weight: torch.Tensor, is_base: torch.Tensor
    ) -> torch.Tensor:
        """What every image says, (N, D).

        Args:
            feature: Features (N, D).
            weight: Rows of the classifier, (C, D).
            is_base: Which of them are there to attend to, bool (C,); one at least.
        """
        # Not in bfloat16, whose steps the sharpness would blow up.
        with torch.autocast(feature.device.type, enabled=False):
            feature = F.normalize(feature)
            similar = self.sharpness * cosines(self.query(feature), self.keys)
            attention = similar.masked_fill(~is_base, -torch.inf).softmax(1)
            recalled = attention @ F.normalize(weight)
            return self.of_average * feature + self.of_attention * recalled

"""Generates classifier weights for classes from a few of their images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .cosines import cosines


class WeightGenerator(nn.Module):
    r"""Contribution of an image to its class's row in a cosine classifier.

    The attention-based weight generator of Gidaris and Komodakis, CVPR 2018. With a
    normalised feature f and base classes b with normalised rows :math:`w_b`,

    .. math:: g(f) = \phi_{avg} \odot f + \phi_{att} \odot
        \sum_b \mathrm{softmax}_b\big(\gamma \cos(\phi_q f, k_b)\big)\, w_b

    and the row of a class that is no base class is the mean of g over its images.

    Args:
        num_classes: Number of classes C, each of which has a key :math:`k_b`.
        channels: Channels D of the feature.
        sharpness: Initial value of the learnt factor :math:`\gamma`.

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
        """Contribution of every image, (N, D).

        Args:
            feature: Features (N, D).
            weight: Rows of the classifier, (C, D).
            is_base: Which rows to attend to, bool (C,); at least one.
        """
        # Not in bfloat16, whose rounding the sharpness would enlarge.
        with torch.autocast(feature.device.type, enabled=False):
            feature = F.normalize(feature)
            similar = self.sharpness * cosines(self.query(feature), self.keys)
            attention = similar.masked_fill(~is_base, -torch.inf).softmax(1)
            recalled = attention @ F.normalize(weight)
            return self.of_average * feature + self.of_attention * recalled

"""Logits by direction alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def cosines(feature: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cosine of every feature with every row of a classifier.

    Args:
        feature: Features (N, D).
        weight: Rows (C, D); one of zeros has cosine 0 with everything.

    Returns:
        Tensor: Cosines (N, C) in [-1, 1], under autocast too in the features' own type:
        a scale would blow bfloat16's steps up.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import cosines
        >>> cosines(torch.tensor([[3.0, 4.0]]), torch.eye(2))
        tensor([[0.6000, 0.8000]])
    """
    with torch.autocast(feature.device.type, enabled=False):
        return F.linear(F.normalize(feature), F.normalize(weight))

"""Cosine logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def cosines(feature: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cosine between every feature and every row of a classifier.

    Args:
        feature: Features (N, D).
        weight: Rows (C, D); a row of zeros has cosine 0 with every feature.

    Returns:
        Tensor: Cosines (N, C) in [-1, 1], even under autocast in the features' own dtype,
        because a scale would enlarge the rounding of bfloat16.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import cosines
        >>> cosines(torch.tensor([[3.0, 4.0]]), torch.eye(2))
        tensor([[0.6000, 0.8000]])
    """
    with torch.autocast(feature.device.type, enabled=False):
        return F.linear(F.normalize(feature), F.normalize(weight))

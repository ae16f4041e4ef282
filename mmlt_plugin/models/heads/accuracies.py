"""Training accuracy of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def accuracies(
    logits: torch.Tensor, target: torch.Tensor, topk: int | Sequence[int]
) -> dict[str, torch.Tensor]:
    """Accuracies of a batch in percent, for logging.

    Args:
        logits: Scores (N, C) of any sign.
        target: Labels (N,); for soft labels (N, C) there is no accuracy.
        topk: For each k, an image is correct if its label is among the k largest scores.

    Returns:
        dict: ``accuracy_top-k`` for each k.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.heads.accuracies import accuracies
        >>> accuracies(torch.tensor([[-1.0, -2.0]]), torch.tensor([0]), topk=(1,))
        {'accuracy_top-1': tensor(100.)}
    """
    if target.dim() > 1:
        return {}
    topk = (topk,) if isinstance(topk, int) else topk
    most = min(max(topk), logits.size(1))
    ranked = logits.detach().topk(most, dim=1).indices == target[:, None]
    return {
        f'accuracy_top-{k}': 100 * ranked[:, :k].any(1).float().mean() for k in topk
    }

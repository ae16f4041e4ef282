"""The tau-normalised classifier."""

from __future__ import annotations

import torch


def tau_normalize(weight: torch.Tensor, tau: float) -> torch.Tensor:
    r"""Shrink the classifier rows of frequent classes: :math:`w_i / \|w_i\|_2^\tau`.

    Kang et al., ICLR 2020, Sec. 4. Rows of frequent classes grow longer in training; tau in
    [0, 1] partly reverses this (0: not at all, 1: unit length). The caller has to drop the
    bias.

    Args:
        weight: Classifier weight, shape (C, D).
        tau: Exponent.

    Returns:
        Tensor: The normalised weight, shape (C, D).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import tau_normalize
        >>> tau_normalize(torch.tensor([[3.0, 4.0]]), tau=1.0)
        tensor([[0.6000, 0.8000]])
    """
    norms = weight.norm(dim=1, keepdim=True).clamp_min(1e-12)  # for classes never seen
    return weight / norms.pow(tau)

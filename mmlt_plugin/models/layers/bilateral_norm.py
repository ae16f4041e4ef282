"""Batch normalisation with separate statistics for the halves of a bilateral batch."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import nn

from ...errors import ConfigError


def split_halves(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Split a bilateral batch (2B, ...) into its halves.

    Args:
        x: Any tensor computed from B uniform images followed by B re-balanced ones.

    Returns:
        tuple: The uniform and the re-balanced half, (B, ...) each.

    Raises:
        ConfigError: The batch has an odd number of images.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import split_halves
        >>> split_halves(torch.arange(4))
        (tensor([0, 1]), tensor([2, 3]))
    """
    if len(x) % 2:
        raise ConfigError(
            f'a bilateral model got a training batch of {len(x)} images, which has no '
            'halves: set train_dataloader.batch_sampler=dict(type='
            "'BilateralBatchSampler', ...)"
        )
    return x.chunk(2)


class _Bilateral:
    """Applies a normalisation layer to each half of a training batch, one after the other."""

    training: bool

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (N, D, H, W), in training each half of the batch on its own."""
        normalise = super().forward  # type: ignore[misc]
        if not self.training:
            return normalise(x)
        return torch.cat([normalise(half) for half in split_halves(x)])


@MODELS.register_module()
class BilateralBN(_Bilateral, nn.BatchNorm2d):
    """BatchNorm2d with separate statistics for each half of a training batch.

    BBN's official code runs the shared layers twice, on the uniform and on the re-balanced
    images. With this layer one pass over both is equivalent: each half is normalised by its
    own statistics, and the running statistics are updated by one half after the other. In
    evaluation it is an ordinary BatchNorm2d, with the same state dict. Arguments as in
    ``BatchNorm2d``; set it by a backbone's ``norm_cfg=dict(type='BilateralBN')``.

    Raises:
        ConfigError: A training batch has an odd number of images.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.layers import BilateralBN
        >>> x = torch.cat([torch.randn(8, 3, 4, 4), 9 + torch.randn(8, 3, 4, 4)])
        >>> y = BilateralBN(3)(x)
        >>> abs(y[8:].mean()).item() < 1e-3  # not shifted against the first half
        True
    """


@MODELS.register_module()
class BilateralSyncBN(_Bilateral, nn.SyncBatchNorm):
    """SyncBatchNorm with separate statistics for each half of a training batch.

    ``BilateralBN`` for several GPUs: each half's statistics are computed over all ranks.

    Example:
        >>> from mmlt_plugin.models.layers import BilateralSyncBN
        >>> BilateralSyncBN(3).num_features
        3
    """

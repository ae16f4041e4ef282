"""Mixed precision without loss scaling, also on CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmpretrain.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16 where PyTorch considers it safe.

    mmengine's ``AmpOptimWrapper`` does not support CPUs, some of which are several times as
    fast in bfloat16. This type has the range of float32, so the loss needs no scaling.
    Weights, gradients and optimizer remain in float32.

    Args:
        **kwargs: Arguments of mmengine's ``OptimWrapper``: ``optimizer``,
            ``accumulative_counts``, ``clip_grad``.

    Example:
        >>> optim_wrapper = dict(
        ...     type='AutocastOptimWrapper', optimizer=dict(type='SGD', lr=0.1)
        ... )
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.device_type = get_device()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The forward pass in bfloat16."""
        with (
            super().optim_context(model),
            torch.autocast(self.device_type, dtype=torch.bfloat16),
        ):
            yield

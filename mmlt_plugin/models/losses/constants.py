"""Tensors of a module that are neither trained nor saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import ConfigError


class ModuleWithConstants(nn.Module):
    """A module with tensors that follow from the class counts.

    They move with the module and stay in float64 if the device supports it. They are not
    buffers, because a moving average of the model is copied before their size is known.
    """

    #: Names of these tensors.
    constants: tuple[str, ...] = ()

    def images_per_class(self, counts: Sequence[int] | np.ndarray) -> torch.Tensor:
        """Class counts as a tensor, float64 (C,).

        Raises:
            ConfigError: A count is negative, or all are zero.
        """
        images = torch.as_tensor(np.asarray(counts), dtype=torch.float64)
        if not (images >= 0).all() or not images.any():
            raise ConfigError(
                f'{type(self).__name__} got the class counts {np.asarray(counts).tolist()}: '
                'none may be negative, and not all zero'
            )
        return images

    def keep(self, **constants: torch.Tensor) -> None:
        """Set constants by name, on the module's device."""
        for name, value in constants.items():
            setattr(self, name, value.to(getattr(self, name)))

    def _apply(self, fn: Any, recurse: bool = True) -> ModuleWithConstants:
        super()._apply(fn, recurse)
        for name in self.constants:
            constant = getattr(self, name)
            device = fn(constant.float()).device  # float32, as MPS has no float64
            dtype = torch.float32 if device.type == 'mps' else torch.float64
            setattr(self, name, constant.to(device, dtype))
        return self

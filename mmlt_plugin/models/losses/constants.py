"""Tensors of a module that nobody learns and no checkpoint has."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class ModuleWithConstants(nn.Module):
    """A module some of whose tensors follow from the class counts.

    They go where the module goes and keep their float64, where the device has it. They
    are no buffers: a moving average of the model is copied before they have a size.
    """

    #: Their names.
    constants: tuple[str, ...] = ()

    def keep(self, **constants: torch.Tensor) -> None:
        """Set constants by name, where the module is."""
        for name, value in constants.items():
            setattr(self, name, value.to(getattr(self, name)))

    def _apply(self, fn: Any, recurse: bool = True) -> ModuleWithConstants:
        super()._apply(fn, recurse)
        for name in self.constants:
            constant = getattr(self, name)
            device = fn(constant.float()).device  # a change of layout alone tells none
            dtype = torch.float32 if device.type == 'mps' else torch.float64
            setattr(self, name, constant.to(device, dtype))
        return self

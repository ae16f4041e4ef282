"""Copies between host and device without waiting."""

from __future__ import annotations

import torch


def to_device(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Move a tensor from the host to a device without waiting for it.

    Args:
        tensor: A tensor on the CPU.
        device: The target device.

    Returns:
        Tensor: The same values on the device.

    Example:
        >>> import torch
        >>> from mmlt_plugin.transfer import to_device
        >>> to_device(torch.tensor([1, 2]), 'cpu')
        tensor([1, 2])
    """
    if torch.device(device).type == 'cuda':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class HostCopy:
    """A copy of a device's tensor that arrives on the host some time later.

    Args:
        tensor: A tensor on any device.

    Example:
        >>> import torch
        >>> from mmlt_plugin.transfer import HostCopy
        >>> copy = HostCopy(torch.tensor(True))
        >>> copy.has_arrived()
        True
        >>> copy.get()
        tensor(True)
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        self._event = None
        if tensor.is_cuda:
            self._value = torch.empty(
                tensor.shape, dtype=tensor.dtype, pin_memory=True
            ).copy_(tensor, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        else:
            self._value = tensor.clone()

    def has_arrived(self) -> bool:
        """Whether ``get`` would not have to wait."""
        return self._event is None or self._event.query()

    def get(self) -> torch.Tensor:
        """The values; waits for the device if necessary."""
        if self._event is not None:
            self._event.synchronize()
        return self._value

"""Models and their state dicts, whatever wraps them."""

from __future__ import annotations

import re
from typing import Any

#: End of the names of buffers that say nothing about a model's function.
IGNORED = 'num_batches_tracked'


def unwrapped(model: Any) -> Any:
    """The classifier within DDP, test-time augmentation or both.

    Example:
        >>> from torch import nn
        >>> from mmlt_plugin.weights import unwrapped
        >>> unwrapped(nn.DataParallel(nn.Linear(1, 1)))
        Linear(in_features=1, out_features=1, bias=True)
    """
    while hasattr(model, 'module'):
        model = model.module
    return model


def device_of(model: Any) -> Any:
    """Where a model is; None if it has no parameters.

    Example:
        >>> from torch import nn
        >>> from mmlt_plugin.weights import device_of
        >>> device_of(nn.Linear(1, 1))
        device(type='cpu')
    """
    return next((parameter.device for parameter in model.parameters()), None)


def plain_name(name: str) -> str:
    """Name of a tensor without the prefix that wrappers add.

    Example:
        >>> from mmlt_plugin.weights import plain_name
        >>> plain_name('module.module.head.fc.bias')
        'head.fc.bias'
    """
    return re.sub(r'^(module\.)+', '', name)


def shapes(state_dict: dict) -> dict[str, Any]:
    """Shapes by plain name, without the ignored buffers.

    Example:
        >>> import torch
        >>> from mmlt_plugin.weights import shapes
        >>> shapes({'module.w': torch.zeros(2)})
        {'w': torch.Size([2])}
    """
    return {
        plain_name(name): getattr(value, 'shape', None)
        for name, value in state_dict.items()
        if not name.endswith(IGNORED)
    }

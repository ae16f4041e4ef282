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


def misfits(model: Any, state_dict: dict) -> tuple[list[str], list[str]]:
    """What keeps a state dict from being loaded into a model, strictly.

    The model's parts adapt it first, as when it is loaded: mmpretrain's transformers
    resize their position embeddings, and ``BilateralTrunk`` moves its last block.

    Args:
        model: The model, wrapped or not.
        state_dict: The state dict, which stays as it is.

    Returns:
        tuple: Plain names of tensors that are missing or have another shape, and of those
        that have no place.

    Example:
        >>> from torch import nn
        >>> from mmlt_plugin.weights import misfits
        >>> misfits(nn.Linear(1, 2), nn.Linear(1, 1).state_dict())
        (['weight', 'bias'], [])
    """
    model = unwrapped(model)
    adapted = {plain_name(name): value for name, value in state_dict.items()}
    before = set(adapted)
    for name, module in model.named_modules():
        prefix = f'{name}.' if name else ''
        for hook in module._load_state_dict_pre_hooks.values():
            hook(adapted, prefix, {}, True, [], [], [])
    wanted, found = shapes(model.state_dict()), shapes(adapted)
    # A tensor that a part's hook removes is one that it makes itself.
    made = before - set(adapted)
    wrong = [
        name
        for name, shape in wanted.items()
        if found.get(name) != shape and name not in made
    ]
    return wrong, [name for name in found if name not in wanted]


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

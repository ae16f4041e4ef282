"""Helpers for models and state dicts, wrapped or not."""

from __future__ import annotations

import re
from typing import Any

#: Suffix of buffers without influence on a model's function.
IGNORED = 'num_batches_tracked'


def unwrapped(model: Any) -> Any:
    """The classifier inside DDP, test-time augmentation or both.

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
    """Device of a model; None if it has no parameters.

    Example:
        >>> from torch import nn
        >>> from mmlt_plugin.weights import device_of
        >>> device_of(nn.Linear(1, 1))
        device(type='cpu')
    """
    return next((parameter.device for parameter in model.parameters()), None)


def moving_averages(runner: Any) -> list[Any]:
    """The averaged copies of a runner's model that its EMA hooks keep.

    Example:
        >>> from types import SimpleNamespace
        >>> from mmlt_plugin.weights import moving_averages
        >>> moving_averages(SimpleNamespace(hooks=[]))
        []
    """
    copies = (getattr(hook, 'ema_model', None) for hook in runner.hooks)
    return [unwrapped(copy) for copy in copies if copy is not None]


def plain_name(name: str) -> str:
    """Name of a tensor without the prefixes that wrappers add.

    Example:
        >>> from mmlt_plugin.weights import plain_name
        >>> plain_name('module.module.head.fc.bias')
        'head.fc.bias'
    """
    return re.sub(r'^(module\.)+', '', name)


def misfits(model: Any, state_dict: dict) -> tuple[list[str], list[str]]:
    """The tensors that prevent a state dict from being loaded strictly.

    As in loading, the model's parts adapt it first: mmpretrain's transformers resize their
    position embeddings, and ``BilateralTrunk`` moves its last block.

    Args:
        model: The model, wrapped or not.
        state_dict: The state dict, which is not changed.

    Returns:
        tuple: Plain names of tensors that are missing or have another shape, and of those
        that have no counterpart.

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
    # If a part's hook removes a tensor, the part makes it itself.
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

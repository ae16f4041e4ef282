"""Logging that does not wait for the device."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ..lazy_history import LazyHistoryBuffer


@HOOKS.register_module()
class LazyRuntimeInfoHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, but losses are fetched when they are logged.

    In mmengine the host waits in every iteration for every logged loss, so it can never
    prepare the next iteration while the device computes this one.

    Example:
        >>> default_hooks = dict(runtime_info=dict(type='LazyRuntimeInfoHook'))
    """

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Note the iteration's losses."""
        hub = runner.message_hub
        for name, value in (outputs or {}).items():
            history = hub.log_scalars.get(f'train/{name}')
            if isinstance(history, LazyHistoryBuffer) and _is_one_number(value):
                history.update(value.detach().reshape(()))
            else:  # new, or resumed
                hub.update_scalar(f'train/{name}', value)
        for name, history in hub.log_scalars.items():
            # Times and learning rates too: they come more often than they are read.
            if name.startswith('train/') and type(history) is not LazyHistoryBuffer:
                hub.log_scalars[name] = LazyHistoryBuffer(
                    *history.data, history.max_length
                )


def _is_one_number(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.numel() == 1

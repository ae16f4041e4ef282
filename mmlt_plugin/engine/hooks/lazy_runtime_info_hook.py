"""Logging that does not wait for the device."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ..lazy_history import LazyHistoryBuffer


@HOOKS.register_module()
class LazyRuntimeInfoHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, but losses are only fetched when they are logged.

    In mmengine the host waits for every loss in every iteration, so it can never prepare
    the next iteration while the device computes this one.

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
        """Record the losses of the iteration."""
        histories = runner.message_hub.log_scalars
        for name, value in (outputs or {}).items():
            key = f'train/{name}'
            if isinstance(histories.get(key), LazyHistoryBuffer) and _is_number(value):
                # A copy, because the value may be changed before it is read.
                histories[key].update(value.detach().reshape(()).clone())
            else:  # new, or resumed
                runner.message_hub.update_scalar(key, value)
        for key, history in histories.items():
            # Times and learning rates too: HistoryBuffer copies itself for every value.
            if key.startswith('train/') and type(history) is not LazyHistoryBuffer:
                histories[key] = LazyHistoryBuffer(*history.data, history.max_length)
        if self._is_logged(runner, batch_idx):
            # Now, before the timer stops, because the wait belongs to these iterations.
            for history in histories.values():
                history.data  # noqa: B018 - reading fetches

    def _is_logged(self, runner: Runner, batch_idx: int) -> bool:
        """Whether the values are read after this iteration."""
        intervals = [h.interval for h in runner.hooks if isinstance(h, LoggerHook)]
        return (
            any(self.every_n_inner_iters(batch_idx, n) for n in intervals)
            or any(self.every_n_train_iters(runner, n) for n in intervals)
            or self.end_of_epoch(runner.train_dataloader, batch_idx)
            or self.is_last_train_iter(runner)
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.numel() == 1

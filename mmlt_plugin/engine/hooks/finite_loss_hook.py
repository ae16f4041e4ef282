"""Stops a training whose loss or weights are NaN or infinite."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import TrainingError
from ...transfer import HostCopy

#: Largest number of iterations whose losses may be in transit from the device.
MOST_UNREAD = 100


class _Check(NamedTuple):
    epoch: int
    iteration: int
    losses: dict[str, torch.Tensor]
    finite: HostCopy


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at the first loss that is NaN or infinite, and never save such weights.

    mmengine continues to the end and overwrites good checkpoints with broken weights. Here
    the run ends as soon as the loss has arrived on the host: on a CPU within the iteration,
    on a GPU a few iterations later, since nothing waits for it, and in any case before
    anything is saved. If an update breaks the weights right before they would be saved, the
    run ends there, and the last checkpoint is kept.

    Raises:
        TrainingError: Names the epoch, the iteration and the terms of the loss, or the
            weights.

    Example:
        >>> default_hooks = dict(finite_loss=dict(type='FiniteLossHook'))
    """

    priority = 'VERY_HIGH'  # before anything is logged or saved

    def __init__(self) -> None:
        self._unread: deque[_Check] = deque()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Queue the losses of this iteration, and check those that have arrived."""
        losses = {
            name: value.detach()
            for name, value in (outputs or {}).items()
            if 'loss' in name and isinstance(value, torch.Tensor)
        }
        if losses:
            # mmengine's sum of the terms is finite only if all of them are.
            terms = [losses['loss']] if 'loss' in losses else list(losses.values())
            finite = HostCopy(torch.stack([t.sum() for t in terms]).isfinite().all())
            self._unread.append(_Check(runner.epoch, batch_idx, losses, finite))
        while self._unread and (
            self._unread[0].finite.has_arrived() or len(self._unread) > MOST_UNREAD
        ):
            self._read(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check all losses of the epoch."""
        while self._unread:
            self._read(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        """Check all losses so far: in iteration-based runs no epoch has ended."""
        self.after_train_epoch(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check all losses so far, and the weights that are about to be saved."""
        self.after_train_epoch(runner)
        # If they are finite, so is a moving average of them.
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not value.isfinite().all():
                raise TrainingError(
                    f'the weights {name} are not finite after epoch {runner.epoch + 1}: '
                    f'they are not saved, and what is in {runner.work_dir} '
                    'is from before; lower the learning rate or clip gradients '
                    '(optim_wrapper.clip_grad)'
                )

    def _read(self, runner: Runner) -> None:
        check = self._unread.popleft()
        if check.finite.get():
            return
        broken = [n for n, v in check.losses.items() if not v.isfinite().all()]
        terms = [n for n in broken if n != 'loss'] or broken
        raise TrainingError(
            f'{" and ".join(terms)} is not finite in epoch {check.epoch + 1}, iteration '
            f'{check.iteration + 1}: the last checkpoint in {runner.work_dir} is from '
            'before; lower the learning rate, clip gradients (optim_wrapper.clip_grad) '
            'or check the images of that batch'
        )

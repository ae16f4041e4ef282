"""A training that went wrong ends."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import TrainingError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop at the first loss that is NaN or infinite, and save no such weights.

    mmengine trains on to the end and saves broken weights over good ones. Here the run
    ends within the iteration; should an update break the weights right before they are
    saved, it ends there, and the last checkpoint stays.

    Raises:
        TrainingError: Names the epoch, the iteration and the terms of the loss, or the
            weights.

    Example:
        >>> default_hooks = dict(finite_loss=dict(type='FiniteLossHook'))
    """

    priority = 'VERY_HIGH'  # before anything is logged or saved

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Look at the losses of the iteration."""
        losses = {
            name: value.detach()
            for name, value in (outputs or {}).items()
            if 'loss' in name and isinstance(value, torch.Tensor)
        }
        if not losses:
            return
        finite = torch.stack([v.float().isfinite().all() for v in losses.values()])
        if finite.all():  # one transfer
            return
        broken = [n for n, good in zip(losses, finite.tolist()) if not good]
        terms = [n for n in broken if n != 'loss'] or broken
        raise TrainingError(
            f'{" and ".join(terms)} is not finite in epoch {runner.epoch + 1}, iteration '
            f'{batch_idx + 1}: the last checkpoint in {runner.work_dir} is from before; '
            'lower the learning rate, clip gradients (optim_wrapper.clip_grad) or check '
            'the images of that batch'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at the weights that are about to be saved."""
        for part in ('state_dict', 'ema_state_dict'):
            for name, value in checkpoint.get(part, {}).items():
                if value.is_floating_point() and not value.isfinite().all():
                    raise TrainingError(
                        f'the weights {name} are not finite after epoch '
                        f'{runner.epoch + 1}: they are not saved, and the last '
                        f'checkpoint in {runner.work_dir} is from before; lower the '
                        'learning rate or clip gradients (optim_wrapper.clip_grad)'
                    )

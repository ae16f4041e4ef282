"""Refuses checkpoints of another model."""

from __future__ import annotations

import re
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import ConfigError


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Compare a checkpoint with the model before it is loaded.

    mmengine loads what fits and logs the rest, so that testing the wrong checkpoint
    ends with the accuracy of random weights. Here a test or a resumed run needs every
    tensor and no other; a run that starts from ``load_from`` needs at least one, since
    fine-tuning replaces heads.

    Raises:
        ConfigError: The checkpoint is of another model.

    Example:
        >>> default_hooks = dict(checkpoint_match=dict(type='CheckpointMatchHook'))
    """

    priority = 'VERY_LOW'  # after hooks that swap the weights, such as EMAHook

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a checkpoint whose tensors do not fit."""
        wanted = _shapes(runner.model.state_dict())
        found = _shapes(checkpoint.get('state_dict', checkpoint))
        misfits = [name for name in wanted if found.get(name) != wanted[name]]
        extra = [name for name in found if name not in wanted]
        in_training = isinstance(runner.optim_wrapper, OptimWrapper)
        if in_training and not runner._resume:
            fits = len(misfits) < len(wanted)
        else:
            fits = not misfits and not extra
        if not fits:
            source = runner._load_from or f'in {runner.work_dir}'
            raise ConfigError(
                f'checkpoint {source} is of another model: {len(misfits)} of '
                f'{len(wanted)} tensors are missing or have another shape and '
                f'{len(extra)} have no place, {(misfits + extra)[0]} first'
            )


def _shapes(state_dict: dict) -> dict[str, Any]:
    """Shapes by name, without the prefix that DDP and test-time augmentation add."""
    return {
        re.sub(r'^(module\.)+', '', name): getattr(value, 'shape', None)
        for name, value in state_dict.items()
        if not name.endswith('num_batches_tracked')
    }

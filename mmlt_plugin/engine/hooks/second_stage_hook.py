"""Loads the first stage's checkpoint into the second stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import ConfigError
from ...models.classifiers.decoupled import is_part_of
from ...weights import misfits, moving_averages, plain_name, unwrapped


@HOOKS.register_module()
class SecondStageHook(Hook):
    """Start from another training's checkpoint and train some parts from scratch.

    A second stage needs ``load_from``; without it a classifier would be trained on random
    features. Parts in ``fresh`` keep their new initialisation.

    Args:
        fresh: Names of parts, such as ``head``, that are not loaded from the checkpoint.

    Raises:
        ConfigError: There is no checkpoint to start from, or a frozen tensor is missing from it
            or has another shape.

    Example:
        >>> default_hooks = dict(
        ...     second_stage=dict(type='SecondStageHook', fresh=['head'])
        ... )
    """

    priority = 'LOW'  # before CheckpointMatchHook

    def __init__(self, fresh: Sequence[str] = ()) -> None:
        self.fresh = list(fresh)

    def before_train(self, runner: Runner) -> None:
        """Require a checkpoint."""
        if not runner._has_loaded:
            raise ConfigError(
                'load_from is missing: the second stage starts from the checkpoint of '
                'the first, --cfg-options load_from=work_dirs/.../epoch_200.pth'
            )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remove the fresh parts from the first stage's checkpoint."""
        if runner._resume or not isinstance(runner.optim_wrapper, OptimWrapper):
            return  # this stage's own checkpoint
        weights = checkpoint.get('state_dict', checkpoint)
        for name in list(weights):
            if self._is_fresh(plain_name(name)):
                del weights[name]
        model = unwrapped(runner.model)
        for average in moving_averages(runner):  # has loaded the checkpoint already
            averaged = average.state_dict()
            for name, tensor in model.state_dict().items():
                if self._is_fresh(name) and name in averaged:
                    averaged[name].copy_(tensor)
        learns = {name for name, p in model.named_parameters() if p.requires_grad}
        learns |= {n for n, _ in model.named_buffers() if _is_beside_learning(model, n)}
        for name in misfits(model, weights)[0]:
            if name not in learns and not self._is_fresh(name):
                raise ConfigError(
                    f'checkpoint {runner._load_from} does not fit the second stage: '
                    f'{name} is frozen, and the checkpoint lacks it or has another shape'
                )

    def _is_fresh(self, name: str) -> bool:
        return any(is_part_of(name, part) for part in self.fresh)


def _is_beside_learning(model: Any, name: str) -> bool:
    """Whether the parameters nearest to a buffer, such as a running mean, are trained."""
    part = name
    while part:
        part = part.rpartition('.')[0]
        nearest = [p.requires_grad for p in model.get_submodule(part).parameters()]
        if nearest:
            return any(nearest)
    return False

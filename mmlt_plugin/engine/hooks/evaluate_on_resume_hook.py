"""Evaluates the checkpoint from which a run resumes."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class EvaluateOnResumeHook(Hook):
    """Repeat the evaluation that follows the checkpoint from which a run resumes.

    A checkpoint is saved before the evaluation of its epoch, and mmengine resumes with the
    next epoch. If a run was killed in between, that evaluation never takes place; after the
    last epoch, the result of the training is missing. Even a complete one is forgotten if
    nothing was saved after it: ``ReduceOnPlateauLR`` misses a step. Here it comes first, if
    one is due by ``val_begin`` and ``val_interval`` and the checkpoint was saved before it.

    Example:
        >>> default_hooks = dict(evaluate_on_resume=dict(type='EvaluateOnResumeHook'))
    """

    priority = 'LOWEST'  # everything else must be ready

    def __init__(self) -> None:
        self.evaluated = False

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Notice that the weights will change."""
        self.evaluated = False

    def before_val(self, runner: Runner) -> None:
        """Notice an evaluation, in which a new best one saves the last checkpoint again."""
        self.evaluated = True

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save whether the evaluation comes before the checkpoint."""
        checkpoint['meta']['evaluated'] = self.evaluated

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember what the checkpoint says."""
        self.evaluated = checkpoint.get('meta', {}).get('evaluated', False)

    def before_train(self, runner: Runner) -> None:
        """Evaluate, if the run resumes and an evaluation is due."""
        if not runner._resume or self.evaluated or runner.val_loop is None:
            return
        if evaluation_is_due(runner.train_loop):
            runner.logger.info('the evaluation after this checkpoint is repeated first')
            runner.val_loop.run()


def evaluation_is_due(loop: BaseLoop) -> bool:
    """Whether mmengine evaluates after the epochs or iterations a training loop has done.

    Example:
        >>> from types import SimpleNamespace
        >>> from mmlt_plugin.engine.hooks.evaluate_on_resume_hook import evaluation_is_due
        >>> loop = SimpleNamespace(epoch=4, max_epochs=5, val_begin=1, val_interval=2)
        >>> evaluation_is_due(loop)
        True
    """
    if isinstance(loop, IterBasedTrainLoop):
        done, end = loop.iter, loop.max_iters
    else:
        done, end = loop.epoch, loop.max_epochs
    if getattr(loop, 'dynamic_milestones', None):
        loop._decide_current_val_interval()  # as after an epoch; it may have changed
    due = done % loop.val_interval == 0 or done == end
    return done > 0 and done >= loop.val_begin and due

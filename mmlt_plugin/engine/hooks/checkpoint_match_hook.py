"""Refuses checkpoints of another model."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...class_names import check_names, names_of
from ...errors import ConfigError
from ...weights import misfits, shapes, unwrapped


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Compare a checkpoint with the model before it is loaded.

    mmengine loads what fits and logs the rest, so testing the wrong checkpoint yields the
    accuracy of random weights. Here a test or a resumed run needs every tensor and no other;
    a run that starts from ``load_from`` needs at least one, since fine-tuning replaces heads.
    If the class names of training and test data are both known, they must be the same.

    Raises:
        ConfigError: The checkpoint is of another model, or of other classes.

    Example:
        >>> default_hooks = dict(checkpoint_match=dict(type='CheckpointMatchHook'))
    """

    priority = 'VERY_LOW'  # after hooks that swap the weights, such as EMAHook

    def __init__(self) -> None:
        self.trained: list[str] = []

    def before_test(self, runner: Runner) -> None:
        """Refuse test data of other classes."""
        check_names(self.trained, names_of(runner.test_loop.dataloader.dataset))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse a checkpoint whose tensors do not fit."""
        trained = checkpoint.get('meta', {}).get('dataset_meta') or {}
        self.trained = list(trained.get('classes') or [])
        wanted = shapes(unwrapped(runner.model).state_dict())
        wrong, extra = misfits(runner.model, checkpoint.get('state_dict', checkpoint))
        in_training = isinstance(runner.optim_wrapper, OptimWrapper)
        if in_training and not runner._resume:
            fits = len(wrong) < len(wanted)
        else:
            fits = not wrong and not extra
        if not fits:
            source = runner._load_from or f'in {runner.work_dir}'
            raise ConfigError(
                f'checkpoint {source} is of another model: {len(wrong)} of '
                f'{len(wanted)} tensors are missing or have another shape and '
                f'{len(extra)} have no place, {(wrong + extra)[0]} first'
            )

    def before_train(self, runner: Runner) -> None:
        """From now on the classes are those of the training data."""
        self.trained = list(names_of(runner.train_dataloader.dataset))

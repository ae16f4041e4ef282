"""Switches to another loss at some epoch."""

from __future__ import annotations

from typing import Any

from mmengine.optim import OptimWrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.engine.hooks import SwitchRecipeHook
from mmpretrain.registry import HOOKS
from torch import nn

from ...datasets import InMemoryDataset
from ...datasets.pipelines import datasets_with_pipeline
from ...errors import ConfigError
from ...models.losses import check_match
from ...weights import device_of, unwrapped
from .class_counts_hook import ClassCountsHook


@HOOKS.register_module()
class DeferredRecipeHook(SwitchRecipeHook):
    """Change loss, pipeline or batch augmentations at given epochs: deferred re-weighting.

    DRW of Cao et al., NeurIPS 2019, Sec. 3.3 (Algorithm 1): learn plainly first and with
    weighted classes once the learning rate has fallen. Any loss can follow any other.
    Deferred re-sampling (DRS) is :class:`DeferredSampler`.

    mmpretrain's ``SwitchRecipeHook`` leaves the new loss on the CPU, so one with buffers
    fails on a GPU; it does not pass the class counts on; and new batch augmentations have no
    effect in a model that had none. Here the loss moves to the model's device,
    ``ClassCountsHook`` provides the counts, and the preprocessor makes soft labels.

    Args:
        schedule: As in ``SwitchRecipeHook``: dicts with ``action_epoch``, the first epoch of
            the change counted from 1, and ``loss``, ``train_pipeline`` or
            ``batch_augments``.

    Raises:
        ConfigError: ``action_epoch`` is missing, repeated, not a positive integer or beyond
            the end of the training; the training counts iterations; the model has no loss to
            change or does not fit the new one; or its preprocessor lacks the number of
            classes for batch augmentations.

    Example:
        >>> weighted = dict(type='ReweightedLoss', scheme='effective', beta=0.9999)
        >>> default_hooks = dict(
        ...     deferred_recipe=dict(
        ...         type='DeferredRecipeHook',
        ...         schedule=[dict(action_epoch=161, loss=weighted)],
        ...     )
        ... )
    """

    def __init__(self, schedule: list[dict]) -> None:
        epochs = [recipe.get('action_epoch') for recipe in schedule]
        if len(set(epochs)) < len(epochs) or not all(
            isinstance(epoch, int) and epoch > 0 for epoch in epochs
        ):
            raise ConfigError(
                f'schedule of DeferredRecipeHook has the action_epochs {epochs}: they '
                'must be different positive integers, counted from 1'
            )
        super().__init__(schedule)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Give the model the loss it had when it was saved: its state may be loaded."""
        if isinstance(runner.optim_wrapper, OptimWrapper) and not runner._resume:
            return
        epoch = checkpoint.get('meta', {}).get('epoch', 0)
        for action_epoch, recipe in self.schedule.items():
            if action_epoch <= epoch and 'loss' in recipe:
                self._switch_loss(runner, recipe['loss'])

    def before_train(self, runner: Runner) -> None:
        """Check the epochs; after resuming, repeat the changes made before."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ConfigError(
                'DeferredRecipeHook needs train_cfg=dict(by_epoch=True, max_epochs=...): '
                'this training counts iterations'
            )
        for recipe in self.schedule.values():
            if 'loss' in recipe:  # now, not after many epochs
                check_match(owner_of_loss(runner), recipe['loss'])
        late = [epoch for epoch in self.schedule if epoch > runner.max_epochs]
        if late:
            raise ConfigError(
                f'action_epoch={late[0]} of DeferredRecipeHook is never reached: the '
                f'training has train_cfg.max_epochs={runner.max_epochs}'
            )
        super().before_train(runner)

    def _switch_loss(self, runner: Runner, loss_module: nn.Module) -> None:
        owner = owner_of_loss(runner)
        device = device_of(unwrapped(runner.model))
        loss_module.to(device)
        old = owner.loss_module
        for module in list(owner.modules()):  # experts share their loss
            if getattr(module, 'loss_module', None) is old:
                module.loss_module = loss_module
        for hook in runner.hooks:
            if isinstance(hook, ClassCountsHook):
                hook.hand_out(owner.modules(), device)

    @staticmethod
    def _switch_batch_augments(runner: Runner, batch_augments: Any) -> None:
        preprocessor: Any = unwrapped(runner.model).data_preprocessor
        if batch_augments is not None:
            if not preprocessor.num_classes:
                raise ConfigError(
                    'batch_augments of DeferredRecipeHook mix labels: set '
                    'data_preprocessor.num_classes'
                )
            preprocessor.to_onehot = True
        SwitchRecipeHook._switch_batch_augments(runner, batch_augments)

    @staticmethod
    def _switch_train_pipeline(runner: Runner, train_pipeline: Any) -> None:
        if isinstance(runner.train_dataloader.dataset, InMemoryDataset):
            raise ConfigError(
                'DeferredRecipeHook cannot change the pipeline of images that are in '
                'memory already: leave out --in-memory'
            )
        loader = runner.train_dataloader
        owners = list(datasets_with_pipeline(loader.dataset))
        if not owners:
            raise ConfigError(
                'DeferredRecipeHook found no pipeline to change in train_dataloader.dataset'
            )
        for dataset in owners:
            dataset.pipeline = train_pipeline
        loader._iterator = None  # persistent workers have the old one


def owner_of_loss(runner: Runner) -> Any:
    """The module whose ``loss_module`` is to change: the model or its head.

    Raises:
        ConfigError: There is none.
    """
    model: Any = unwrapped(runner.model)
    owner = model if hasattr(model, 'loss_module') else getattr(model, 'head', None)
    if not hasattr(owner, 'loss_module'):
        raise ConfigError(
            'DeferredRecipeHook found no loss to change: neither model nor model.head has '
            'a loss_module'
        )
    return owner

"""Distributes the training images per class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.engine.hooks import SwitchRecipeHook
from mmpretrain.registry import DATASETS, HOOKS
from torch.utils.data import BatchSampler

from ...class_counts import brief, classes_without_images, training_class_counts
from ...class_names import check_names, names_of, number_of_classes
from ...errors import ConfigError
from ...models import check_match, check_neck
from ...weights import device_of, moving_averages, unwrapped


@HOOKS.register_module()
class ClassCountsHook(Hook):
    """Count the training images per class and distribute the counts.

    In training they are counted in the training dataset, through any nest of wrappers,
    given to every module and metric that has ``set_class_counts(counts)``, and stored in
    every checkpoint. In testing they come from the checkpoint, so no training data is
    needed. For a checkpoint without counts, such as one of another code base, they are
    counted in the config's training dataset, if that can be read.

    The hook also checks that data and model agree on the number of classes and that training
    and validation data agree on their names, and it reports classes without training images.

    Raises:
        ConfigError: The model's ``num_classes`` is not the dataset's, a training label
            lies outside it, the validation dataset has other classes, or a resumed run
            has other class counts than its checkpoint.

    Example:
        >>> default_hooks = dict(class_counts=dict(type='ClassCountsHook'))
    """

    priority = 'HIGH'

    def __init__(self) -> None:
        self.counts: np.ndarray | None = None
        self._model_knows = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the counts of the checkpoint."""
        counts = checkpoint.get('meta', {}).get('class_counts')
        if counts is not None:
            self.counts = np.asarray(counts, dtype=np.int64)

    def before_train(self, runner: Runner) -> None:
        """Count in the training dataset, which takes precedence."""
        _check_losses_are_served(runner)
        dataset = runner.train_dataloader.dataset
        if runner.val_loop is not None:  # now, not after ten epochs
            _check_classes(runner, dataset, runner.val_loop.dataloader.dataset)
        counts = training_class_counts(
            dataset, number_of_classes(runner.model, dataset)
        )
        if not len(runner.train_dataloader):
            raise ConfigError(
                f'the {len(dataset)} training images do not fill one batch on every '
                'device: lower train_dataloader.batch_size'
            )
        told = self.counts if runner.iter > 0 else None
        if told is not None and not np.array_equal(counts, told):
            raise ConfigError(
                'the training dataset has other class counts than the checkpoint this '
                f'run resumes from ({brief(counts)} now, {brief(told)} then): '
                'resume with the same train_dataloader.dataset'
            )
        self.counts = counts
        self._serve_model(runner)
        check_neck(runner.model)
        sampler = drawing_sampler(runner.train_dataloader)
        for module in runner.model.modules():
            if hasattr(module, 'check_sampler'):
                module.check_sampler(sampler)
        runner.logger.info(f'training images per class: {brief(counts)}')
        if absent := classes_without_images(counts, names_of(dataset)):
            runner.logger.warning(absent)

    def before_val(self, runner: Runner) -> None:
        """Give the counts to the validation metrics and the model."""
        self._serve_evaluation(runner, runner.val_loop)
        if not self._model_knows:  # a validation without a training
            self._serve_model(runner)

    def before_test(self, runner: Runner) -> None:
        """Give the counts to the test metrics and the model."""
        self._serve_evaluation(runner, runner.test_loop)
        self._serve_model(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the counts in the checkpoint's ``meta``."""
        if self.counts is not None:
            checkpoint['meta']['class_counts'] = self.counts.tolist()

    def _serve_evaluation(self, runner: Runner, loop: Any) -> None:
        num_classes = number_of_classes(runner.model, loop.dataloader.dataset)
        metrics = loop.evaluator.metrics
        wanted = any(
            hasattr(owner, 'set_class_counts')
            for owner in (*metrics, *who_predicts_by_counts(runner.model))
        )
        if self.counts is None and wanted and runner.cfg.get('train_dataloader'):
            try:
                dataset = DATASETS.build(runner.cfg.train_dataloader.dataset)
            except Exception as error:
                # Without its data a dataset may fail in any way; the metric then says what
                # is missing.
                runner.logger.warning(f'no training data to count classes in: {error}')
            else:
                self.counts = training_class_counts(dataset, num_classes)
                runner.logger.info(
                    'class counts come from the config, the checkpoint has none'
                )
        self.hand_out(metrics)

    def _serve_model(self, runner: Runner) -> None:
        self.hand_out(runner.model.modules(), device_of(runner.model))
        for average in moving_averages(runner):
            copy_own_buffers(unwrapped(runner.model), average)
        self._model_knows = True

    def hand_out(self, receivers: Any, device: Any = None) -> None:
        """Give the counts, if known, to every receiver with ``set_class_counts``.

        Also asks heads and losses whether they fit together.

        Args:
            receivers: Modules, metrics or anything else.
            device: The model's device, to which tensors derived from the counts are moved.
        """
        for receiver in receivers:
            if (loss := getattr(receiver, 'loss_module', None)) is not None:
                check_match(receiver, loss)
            if self.counts is not None and hasattr(receiver, 'set_class_counts'):
                receiver.set_class_counts(self.counts)
                if device is not None:
                    receiver.to(device)


@torch.no_grad()
def copy_own_buffers(model: Any, average: Any) -> None:
    """Copy what modules made of the class counts to a moving average of the model.

    It was copied before they were known, and with ``update_buffers=True`` its buffers take
    the place of the model's in evaluation.
    """
    copies = dict(average.named_modules())
    for name, module in model.named_modules():
        copy: Any = copies.get(name)
        if hasattr(module, 'set_class_counts') and type(copy) is type(module):
            for buffer, tensor in module.named_buffers(recurse=False):
                getattr(copy, buffer).copy_(tensor)


def who_predicts_by_counts(model: Any) -> list:
    """Modules of a model that need the class counts in evaluation as well."""
    return [m for m in model.modules() if getattr(m, 'predicts_by_counts', False)]


def _check_losses_are_served(runner: Runner) -> None:
    """Refuse mmpretrain's hook, whose new losses would get no class counts."""
    for hook in runner.hooks:
        if type(hook) is SwitchRecipeHook and any(
            hasattr(recipe.get('loss'), 'set_class_counts')
            for recipe in hook.schedule.values()
        ):
            raise ConfigError(
                'SwitchRecipeHook does not give its losses the class counts: use '
                'DeferredRecipeHook in its place'
            )


def _check_classes(runner: Runner, trained: Any, tested: Any) -> None:
    """Refuse a validation dataset with other classes."""
    numbers = [len(names_of(dataset)) for dataset in (trained, tested)]
    if all(numbers) and numbers[0] != numbers[1]:
        raise ConfigError(
            f'the training dataset has {numbers[0]} classes and the validation dataset '
            f'{numbers[1]}: give both the same names in metainfo=dict(classes=...), or '
            "use ImageFolderDataset, which takes the training's"
        )
    number_of_classes(runner.model, tested)
    check_names(names_of(trained), names_of(tested))


def drawing_sampler(loader: Any) -> Any:
    """The sampler that actually draws a dataloader's images.

    A custom batch sampler draws the images itself; ``loader.sampler`` is then a placeholder.
    """
    batches = loader.batch_sampler
    return loader.sampler if type(batches) is BatchSampler else batches

"""Brings the training images per class to whoever wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.engine.hooks import SwitchRecipeHook
from mmpretrain.registry import DATASETS, HOOKS
from torch.utils.data import BatchSampler

from ...class_counts import training_class_counts
from ...class_names import first_difference, names_of
from ...errors import ConfigError
from ...models.losses import check_match
from ...weights import device_of, unwrapped


@HOOKS.register_module()
class ClassCountsHook(Hook):
    """Count the training images per class and hand the counts around.

    In training they are counted in the training dataset, through any nest of wrappers,
    given to every module and metric that has ``set_class_counts(counts)``, and stored
    in every checkpoint. In testing they come from the checkpoint, so no training data
    is needed; a checkpoint without them, of another code base say, is helped out with
    the config's training dataset where that can be read.

    It also checks that data and model agree on the number of classes, and training and
    validation data on their names, and names classes without training images.

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
        """Keep the counts that the checkpoint tells."""
        counts = checkpoint.get('meta', {}).get('class_counts')
        if counts is not None:
            self.counts = np.asarray(counts, dtype=np.int64)

    def before_train(self, runner: Runner) -> None:
        """Count in the training dataset, which has the last word."""
        for hook in getattr(runner, 'hooks', ()):
            if type(hook) is SwitchRecipeHook and any(
                hasattr(recipe.get('loss'), 'set_class_counts')
                for recipe in hook.schedule.values()
            ):
                raise ConfigError(
                    'SwitchRecipeHook does not give its losses the class counts: use '
                    'DeferredRecipeHook in its place'
                )
        dataset = runner.train_dataloader.dataset
        if runner.val_loop is not None:  # not after ten epochs
            tested = runner.val_loop.dataloader.dataset
            numbers = [len(names_of(data)) for data in (dataset, tested)]
            if all(numbers) and numbers[0] != numbers[1]:
                raise ConfigError(
                    f'the training dataset has {numbers[0]} classes and the validation '
                    f'dataset {numbers[1]}: give both the same names in '
                    'metainfo=dict(classes=...), or use ImageFolderDataset, which takes '
                    "the training's"
                )
            number_of_classes(runner.model, tested)
            check_names(dataset, tested)
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
                f'run resumes from ({_brief(counts)} now, {_brief(told)} then): '
                'resume with the same train_dataloader.dataset'
            )
        self.counts = counts
        self._serve_model(runner)
        sampler = drawing_sampler(runner.train_dataloader)
        for module in runner.model.modules():
            if hasattr(module, 'check_sampler'):
                module.check_sampler(sampler)
        runner.logger.info(f'training images per class: {_brief(counts)}')
        if absent := classes_without_images(counts, dataset):
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
        wanted = any(hasattr(metric, 'set_class_counts') for metric in metrics)
        if self.counts is None and wanted and runner.cfg.get('train_dataloader'):
            try:
                dataset = DATASETS.build(runner.cfg.train_dataloader.dataset)
            except Exception as error:
                # Any dataset may fail in any way without its data; the metric will
                # then say what it lacks.
                runner.logger.warning(f'no training data to count classes in: {error}')
            else:
                self.counts = training_class_counts(dataset, num_classes)
                runner.logger.info(
                    'class counts come from the config, the checkpoint has none'
                )
        self.hand_out(metrics)

    def _serve_model(self, runner: Runner) -> None:
        self.hand_out(runner.model.modules(), device_of(runner.model))
        self._model_knows = True

    def hand_out(self, receivers: Any, device: Any = None) -> None:
        """Give the counts, where known, to every receiver that wants them.

        A head and its loss may refuse each other.

        Args:
            receivers: Modules, metrics or anything else.
            device: Where the model is: what modules make of the counts goes there.
        """
        for receiver in receivers:
            if (loss := getattr(receiver, 'loss_module', None)) is not None:
                check_match(receiver, loss)
            if self.counts is not None and hasattr(receiver, 'set_class_counts'):
                receiver.set_class_counts(self.counts)
                if device is not None:
                    receiver.to(device)


def drawing_sampler(loader: Any) -> Any:
    """What draws a dataloader's images; beside a batch sampler its ``sampler`` has no use.

    Args:
        loader: The dataloader, or what stands for one.
    """
    batches = getattr(loader, 'batch_sampler', None)
    return loader.sampler if type(batches) in (type(None), BatchSampler) else batches


def number_of_classes(model: Any, dataset: Any) -> int:
    """Number of classes on which model and dataset agree.

    Args:
        model: Every submodule with an integer ``num_classes`` counts.
        dataset: Its ``metainfo['classes']`` counts.

    Returns:
        int: Number of classes C.

    Raises:
        ConfigError: They disagree, or neither says.
    """
    model = unwrapped(model)
    stated = {
        # mmpretrain keeps the preprocessor's config outside the model's.
        f'{"" if name == "data_preprocessor" else "model."}{name}.num_classes': number
        for name, module in model.named_modules()
        # Some backbones have -1: no classifier of their own.
        if isinstance(number := getattr(module, 'num_classes', None), int)
        and number > 0
    }
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    if classes is not None:
        for key, value in stated.items():
            if value != len(classes):
                raise ConfigError(
                    f'{key}={value} does not match the {len(classes)} classes of the '
                    f'dataset {type(dataset).__name__}'
                )
        return len(classes)
    if not stated:
        raise ConfigError(
            f'neither the dataset {type(dataset).__name__} (metainfo classes) nor the '
            'model (num_classes) says how many classes there are'
        )
    return list(stated.values())[-1]  # the head's comes after the preprocessor's


def check_names(training: Any, validation: Any) -> None:
    """Refuse a validation dataset whose labels stand for other classes.

    Args:
        training: The training dataset; ``metainfo['classes']`` has the names in label
            order, where there are any, as many as in the other.
        validation: The dataset to evaluate on. Names that are numbers are not compared.

    Raises:
        ConfigError: Names the first label that differs.
    """
    trained, tested = names_of(training), names_of(validation)
    label = first_difference(trained, tested)
    if label is not None:
        raise ConfigError(
            f'label {label} is {trained[label]!r} in the training dataset and '
            f'{tested[label]!r} in the dataset to evaluate on: give both the same classes, '
            'in the same order'
        )


def classes_without_images(counts: np.ndarray, dataset: Any) -> str:
    """A sentence that names the classes without training images, or nothing.

    Args:
        counts: Training images per class, (C,).
        dataset: The training dataset, which may tell the names.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.engine.hooks.class_counts_hook import classes_without_images
        >>> classes_without_images(np.array([3, 0, 2]), dataset=None)
        '1 of 3 classes has no training image: 1'
    """
    absent = np.flatnonzero(counts == 0)
    if not len(absent):
        return ''
    names = names_of(dataset) or range(len(counts))
    shown = ', '.join(str(names[c]) for c in absent[:10])
    return (
        f'{len(absent)} of {len(counts)} classes {"has" if len(absent) == 1 else "have"} no '
        f'training image: {shown}' + (', ...' if len(absent) > 10 else '')
    )


def _brief(counts: np.ndarray) -> str:
    if len(counts) <= 10:
        return str(counts.tolist())
    return f'{counts.sum()} in {len(counts)} classes, {counts.min()} to {counts.max()}'

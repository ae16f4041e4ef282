"""Provides a student with experts, and decides how much it learns from them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.amp import autocast
from mmpretrain.registry import HOOKS

from ...checks import check_number
from ...class_counts import SHOT_SPLITS, training_class_counts
from ...datasets.pipelines import pipeline_owners
from ...errors import ConfigError
from ...models.classifiers.lfme import Expert, LFMEClassifier
from ...weights import device_of, unwrapped
from ..curriculum import first_easiness, within_classes
from ..expert_passes import class_accuracies, confidences
from ..images_once import images_once
from ..load_experts import load_experts
from .channels_last_hook import ChannelsLastHook

OWNER = 'SelfPacedExpertsHook'


@HOOKS.register_module()
class SelfPacedExpertsHook(Hook):
    r"""Give a student its experts, and fade each out as the student catches up with it.

    LFME (Xiang et al., ECCV 2020, Sec. 3.2 and 3.3), as in the released code.

    Self-paced expert selection: let A be the accuracy of a split's expert and S that of the
    student on the same classes after an epoch, both on validation images. The expert's weight
    is :math:`(1 - S / A) / (1 - \beta)`, clipped to [0, 1]. The expert chooses among its own
    classes only, the student among all. If a hook averages the student's weights, S is still
    that of the student itself.

    Curriculum instance selection: the probability that the expert of its class assigns to a
    training image, scaled within the class, becomes an easiness between
    :math:`N_{few} / N_{split}` and 1. N is the mean number of training images per class in a
    split; the smallest takes the place of :math:`N_{few}`. By epoch t of T the easiness has
    grown by :math:`2 t / T` of its distance to 1: hard images weigh as much as easy ones
    halfway through the training, and more afterwards.

    Args:
        checkpoints: The experts' checkpoints, from trainings with ``ShotSplitHead`` on the same
            data, each for a different split.
        threshold: :math:`\beta` in [0, 1): the expert's weight is 1 until the student reaches
            this share of the expert's accuracy.
        dataset: Changes to ``val_dataloader.dataset`` for the validation images, if the
            benchmark has a split for such choices: ``dict(split='val')``.
        interval: Number of epochs between comparisons.

    Raises:
        ConfigError: The model is no ``LFMEClassifier``, the training counts iterations,
            there are no validation images, or :func:`load_experts` rejects a checkpoint.

    Example:
        >>> default_hooks = dict(
        ...     experts=dict(type='SelfPacedExpertsHook', checkpoints=['many.pth'])
        ... )
    """

    # After SyncBuffersHook and ChannelsLastHook, before the weights are saved.
    priority = 'LOW'

    def __init__(
        self,
        checkpoints: Sequence[str],
        threshold: float = 0.3,
        dataset: dict | None = None,
        interval: int = 1,
    ) -> None:
        if isinstance(checkpoints, str):
            raise ConfigError(
                f'checkpoints={checkpoints!r} of {OWNER} must be a list, [{checkpoints}]'
            )
        check_number(f'threshold of {OWNER}', threshold, '[0, 1)')
        check_number(f'interval of {OWNER}', interval, '[1, inf)', integer=True)
        self.checkpoints = list(checkpoints)
        self.threshold = threshold
        self.dataset = dataset or {}
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Load the experts, and measure their accuracies and confidences."""
        student = unwrapped(runner.model)
        self._check(runner, student)
        counts = training_class_counts(
            runner.train_dataloader.dataset, student.head.num_classes
        )
        models = load_experts(self.checkpoints, counts)
        channels_last = any(isinstance(hook, ChannelsLastHook) for hook in runner.hooks)
        layout = torch.channels_last if channels_last else torch.preserve_format
        for model in models:
            model.to(device_of(student), memory_format=layout)
        self.validation, training = self._images(runner)
        # The student's: it will show the images to the experts, whatever theirs was.
        preprocess = student.data_preprocessor
        with self._precision(runner):
            experts = [Expert(model) for model in models]
            accuracies = class_accuracies(models, self.validation, preprocess)
            for expert, found in zip(experts, accuracies):
                expert.accuracy = mean_of(found, expert.classes)
                runner.logger.info(
                    f'{expert.split}-shot expert: {expert.accuracy:.2f} % of its own '
                    f'{len(expert.classes)} classes'
                )
            confidence, label = confidences(models, training, preprocess)
        parts = [expert.classes.cpu().numpy() for expert in experts]
        easiness = within_classes(confidence, label, first_easiness(counts, parts))
        student.set_experts(
            experts, torch.from_numpy(easiness).float().to(device_of(student))
        )

    def before_train_epoch(self, runner: Runner) -> None:
        """Advance the curriculum."""
        student = unwrapped(runner.model)
        student.progress = 2 * (runner.epoch + 1) / runner.max_epochs

    def after_train_epoch(self, runner: Runner) -> None:
        """Compare the student with the experts."""
        if not self.every_n_epochs(runner, self.interval):
            return
        student = unwrapped(runner.model)
        with self._precision(runner):
            (found,) = class_accuracies(
                [student], self.validation, student.data_preprocessor
            )
        for expert in student.experts:
            accuracy = mean_of(found, expert.classes)
            weight = expert_weight(accuracy, expert.accuracy, self.threshold)
            student.expert_weights[SHOT_SPLITS.index(expert.split)] = weight
            runner.logger.info(
                f'{expert.split}-shot classes: student {accuracy:.2f} %, expert '
                f'{expert.accuracy:.2f} %, whose weight is {weight:.3f}'
            )

    def _check(self, runner: Runner, student: Any) -> None:
        if not isinstance(student, LFMEClassifier):
            raise ConfigError(
                f'{OWNER} needs model.type=LFMEClassifier, and got '
                f'{type(student).__name__}'
            )
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ConfigError(
                f'{OWNER} counts epochs: set train_cfg.by_epoch=True and max_epochs'
            )
        if not runner.cfg.get('val_dataloader'):
            raise ConfigError(
                f'{OWNER} compares on the images of val_dataloader, which the config has '
                'not: add it, or leave out --no-validate'
            )

    def _images(self, runner: Runner) -> tuple[Any, Any]:
        """Dataloaders over all validation images and all training images."""
        evaluation = runner.cfg.val_dataloader
        validation = copy.deepcopy(evaluation)
        for owner in pipeline_owners(validation.dataset):
            owner.update(self.dataset)
        return (
            images_once(runner, validation, evaluation, OWNER),
            images_once(runner, runner.cfg.train_dataloader, evaluation, OWNER),
        )

    def _precision(self, runner: Runner) -> Any:
        """The precision of the validation."""
        return autocast(enabled=getattr(runner.val_loop, 'fp16', False))


def expert_weight(student: float, expert: float, threshold: float) -> float:
    """Weight of an expert, from both accuracies on its classes.

    Example:
        >>> from mmlt_plugin.engine.hooks.self_paced_experts_hook import expert_weight
        >>> [expert_weight(s, 80.0, threshold=0.5) for s in (20, 60, 90)]
        [1.0, 0.5, 0.0]
    """
    if not expert:  # it has nothing to teach
        return 0.0
    return float(np.clip((1 - student / expert) / (1 - threshold), 0, 1))


def mean_of(accuracies: np.ndarray, classes: torch.Tensor) -> float:
    """Mean accuracy over some classes, ignoring those without images.

    Raises:
        ConfigError: None of them has an image.
    """
    own = accuracies[classes.cpu().numpy()]
    if np.isnan(own).all():
        raise ConfigError(
            f'{OWNER} compares on the images of val_dataloader, which has none of the '
            f'{len(own)} classes of an expert, the first of which is {int(classes[0])}'
        )
    return float(np.nanmean(own))

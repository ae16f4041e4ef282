"""Experts for a student, and how much it learns from them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...checks import check_number
from ...class_counts import training_class_counts
from ...errors import ConfigError
from ...models.classifiers.lfme import SPLITS, LFMEClassifier
from ...models.heads import stack_targets
from ...models.heads.shot_split_head import ShotSplitHead
from ...weights import device_of, model_of_checkpoint, unwrapped
from ..curriculum import confidences, first_easiness, within_classes
from ..images_once import images_once
from .channels_last_hook import ChannelsLastHook


@HOOKS.register_module()
class SelfPacedExpertsHook(Hook):
    r"""Bring experts to a student, and let it go once it has learnt from them.

    LFME (Xiang et al., ECCV 2020, Sec. 3.2 and 3.3), as in the released code.

    Self-paced expert selection: of the accuracies A of the expert of a split and S of the
    student on the split's classes after an epoch, both on validation images, the expert's
    weight is :math:`(1 - S / A) / (1 - \beta)`, not above 1 and not below 0; the expert
    chooses among its own classes only, the student among all.

    Curriculum instance selection: the probability that its class's expert gives a
    training image becomes, scaled within the class, an easiness between
    :math:`N_{few} / N_{split}` and 1, where N are mean training images per class of the
    experts' splits, the fewest in the place of :math:`N_{few}`. In epoch t of T it has grown
    by :math:`2 t / T` of what lacks to 1: hard images weigh as much as easy ones after half
    of the training, and more in the rest.

    Args:
        checkpoints: The experts: of trainings with ``ShotSplitHead``, each of another
            split, on the same training data.
        threshold: :math:`\beta`, the student's accuracy as a share of the expert's up to
            which the expert's weight is 1, in [0, 1).
        dataset: What is different in the validation images' dataset from
            ``val_dataloader.dataset``, for benchmarks with images for such choices:
            ``dict(split='val')``.
        interval: Epochs from one comparison to the next.

    Raises:
        ConfigError: The model is no ``LFMEClassifier``, or a checkpoint is no expert, one
            of a split that has one, or one of other training data.

    Example:
        >>> default_hooks = dict(
        ...     experts=dict(type='SelfPacedExpertsHook', checkpoints=['many.pth'])
        ... )
    """

    # After SyncBuffersHook, before the checkpoint is saved with the weights in it.
    priority = 'LOW'

    def __init__(
        self,
        checkpoints: Sequence[str],
        threshold: float = 0.3,
        dataset: dict | None = None,
        interval: int = 1,
    ) -> None:
        check_number('threshold of SelfPacedExpertsHook', threshold, '[0, 1)')
        check_number(
            'interval of SelfPacedExpertsHook', interval, '[1, inf)', integer=True
        )
        self.checkpoints = list(checkpoints)
        self.threshold = threshold
        self.dataset = dataset or {}
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Load the experts, see how good they are, and which images they find easy."""
        model = unwrapped(runner.model)
        if not isinstance(model, LFMEClassifier):
            raise ConfigError(
                'SelfPacedExpertsHook needs model.type=LFMEClassifier, and got '
                f'{type(model).__name__}'
            )
        evaluation = runner.cfg.get('val_dataloader')
        if not evaluation:
            raise ConfigError(
                'SelfPacedExpertsHook compares on the images of val_dataloader, which the '
                'config has not'
            )
        counts = training_class_counts(
            runner.train_dataloader.dataset, model.head.num_classes
        )
        experts = self._load(counts)
        # Laid out as the student is, by ChannelsLastHook.
        channels_last = any(isinstance(hook, ChannelsLastHook) for hook in runner.hooks)
        layout = torch.channels_last if channels_last else torch.preserve_format
        for expert in experts:
            expert.to(device_of(model), memory_format=layout)
        self.classes = [expert.head.classes.cpu().numpy() for expert in experts]
        loader = copy.deepcopy(evaluation)
        innermost = loader.dataset
        while 'dataset' in innermost:
            innermost = innermost.dataset
        innermost.update(self.dataset)
        self.validation = images_once(
            runner, loader, evaluation, 'SelfPacedExpertsHook'
        )
        found = [class_accuracies(expert, self.validation) for expert in experts]
        self.accuracies = list(map(mean_of, found, self.classes))
        training = images_once(
            runner, runner.cfg.train_dataloader, evaluation, 'SelfPacedExpertsHook'
        )
        start = first_easiness(counts, self.classes)
        easiness = within_classes(*confidences(experts, training), start)
        model.set_experts(
            experts, torch.from_numpy(easiness).float().to(device_of(model))
        )
        for expert, accuracy in zip(experts, self.accuracies):
            runner.logger.info(
                f'{expert.head.split}-shot expert: {accuracy:.2f} % of its own classes'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Go on in the curriculum."""
        model = unwrapped(runner.model)
        model.progress = 2 * (runner.epoch + 1) / runner.max_epochs

    def after_train_epoch(self, runner: Runner) -> None:
        """Compare the student with the experts."""
        if not self.every_n_epochs(runner, self.interval):
            return
        model = unwrapped(runner.model)
        found = class_accuracies(model, self.validation)
        model.train()
        for (expert, _), classes, best in zip(
            model.experts, self.classes, self.accuracies
        ):
            split, accuracy = expert.head.split, mean_of(found, classes)
            weight = expert_weight(accuracy, best, self.threshold)
            model.expert_weights[SPLITS.index(split)] = weight
            runner.logger.info(
                f'{split}-shot classes: student {accuracy:.2f} %, expert {best:.2f} %, '
                f'whose weight is {weight:.3f}'
            )

    def _load(self, counts: np.ndarray) -> list[Any]:
        experts: dict[str, Any] = {}
        for path in self.checkpoints:
            expert, meta = model_of_checkpoint(path)
            if not isinstance(expert.head, ShotSplitHead):
                raise ConfigError(
                    f'checkpoint {path} is no expert: its head is '
                    f'{type(expert.head).__name__}, and should be ShotSplitHead'
                )
            if expert.head.split in experts:
                raise ConfigError(
                    f'checkpoint {path} is a second expert of {expert.head.split}-shot '
                    'classes: give one of each split'
                )
            trained = meta.get('class_counts')
            if trained is not None and not np.array_equal(trained, counts):
                raise ConfigError(
                    f'checkpoint {path} was trained on data with other class counts: '
                    'train the experts with the same train_dataloader.dataset'
                )
            experts[expert.head.split] = expert.requires_grad_(False)
        if not experts:
            raise ConfigError(
                'checkpoints=[] of SelfPacedExpertsHook: give the experts'
            )
        return list(experts.values())


def expert_weight(student: float, expert: float, threshold: float) -> float:
    """Weight of an expert by the accuracies on its classes.

    Example:
        >>> from mmlt_plugin.engine.hooks.self_paced_experts_hook import expert_weight
        >>> [expert_weight(s, 80.0, threshold=0.5) for s in (20, 60, 90)]
        [1.0, 0.5, 0.0]
    """
    if not expert:  # which has nothing to teach
        return 0.0
    return float(np.clip((1 - student / expert) / (1 - threshold), 0, 1))


def mean_of(accuracies: np.ndarray, classes: np.ndarray) -> float:
    """Mean accuracy of some classes, without those that have no image.

    Raises:
        ConfigError: None of them has one.
    """
    tested = accuracies[classes][~np.isnan(accuracies[classes])]
    if not len(tested):
        raise ConfigError(
            'SelfPacedExpertsHook compares on the images of val_dataloader, which has none '
            f"of an expert's {len(classes)} classes, the first of which is {classes[0]}"
        )
    return float(tested.mean())


@torch.no_grad()
def class_accuracies(model: Any, dataloader: Any) -> np.ndarray:
    """Accuracy of every class in percent, (C,); NaN for classes without images.

    Args:
        model: An ``ImageClassifier``; it is left in evaluation mode.
        dataloader: Batches of labelled images, on every rank other ones.
    """
    model.eval()
    classes, device = model.head.num_classes, device_of(model)
    hits, images = torch.zeros(2, classes, dtype=torch.float64, device=device)
    for batch in dataloader:
        batch = model.data_preprocessor(batch, training=False)
        label = stack_targets(batch['data_samples'])
        predicted = model.head(model.extract_feat(batch['inputs'])).argmax(1)
        images += torch.bincount(label, minlength=classes)
        hits += torch.bincount(label[predicted == label], minlength=classes)
    all_reduce(hits)
    all_reduce(images)
    return (100 * hits / images).cpu().numpy()

"""Mean features of the classes, for nearest-class-mean classification."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...checks import check_choice
from ...errors import ConfigError
from ...models.heads.targets import own_labels
from ...weights import device_of, unwrapped
from ..images_once import batches, images_once


@HOOKS.register_module()
class ClassMeansHook(Hook):
    """Give the head the mean feature of every class's training images.

    The config's training images go through the evaluation pipeline and the model in
    evaluation mode, shared among the ranks, and the means to ``head.set_class_means``. As in
    the NCM of Kang et al., ICLR 2020, features are the classifier's inputs. If the head has
    ``share_of_row(feature)``, the means are those of its results; if it has
    ``sampler_of_means``, those of the images that this sampler draws.

    Args:
        before: ``evaluation``, before each one, for :class:`NCMHead` and
            :class:`FSLwFHead`, or ``train``, once, for heads that learn starting from the
            means, such as :class:`OLTRHead`.

    Raises:
        ConfigError: ``before`` is unknown, the head takes no means, the config has no
            evaluation pipeline, or ``EMAHook`` evaluates two models at once.

    Example:
        >>> default_hooks = dict(class_means=dict(type='ClassMeansHook'))
    """

    priority = 'LOW'  # after hooks that swap or share weights, such as EMAHook

    def __init__(self, before: str = 'evaluation') -> None:
        check_choice('before of ClassMeansHook', before, ('evaluation', 'train'))
        self.before = before

    def before_train(self, runner: Runner) -> None:
        """Compute the means when a training begins."""
        if self.before == 'train' and runner.iter == 0:
            evaluation = runner.cfg.get('val_dataloader') or runner.cfg.get(
                'test_dataloader'
            )
            if not evaluation:
                raise ConfigError(
                    'ClassMeansHook takes the pipeline of val_dataloader or '
                    'test_dataloader, and the config has neither'
                )
            self._bring_means(runner, evaluation)

    def before_val_epoch(self, runner: Runner) -> None:
        """Compute the means for a validation."""
        if self.before == 'evaluation':
            self._bring_means(runner, runner.cfg.val_dataloader)

    def before_test_epoch(self, runner: Runner) -> None:
        """Compute the means for a test."""
        if self.before == 'evaluation':
            self._bring_means(runner, runner.cfg.test_dataloader)

    def _bring_means(self, runner: Runner, evaluation: Any) -> None:
        if self.before == 'evaluation' and any(
            getattr(hook, 'evaluate_on_ema', False) and hook.evaluate_on_origin
            for hook in runner.hooks
        ):
            raise ConfigError(
                'evaluate_on_origin=True of EMAHook evaluates twice, and ClassMeansHook makes '
                'the means of the averaged model only: leave it out'
            )
        model = unwrapped(runner.model)
        if not hasattr(getattr(model, 'head', None), 'set_class_means'):
            raise ConfigError(
                'ClassMeansHook has no use here: model.head should be of type NCMHead, '
                'OLTRHead or FSLwFHead'
            )
        images = images_once(
            runner,
            runner.cfg.train_dataloader,
            evaluation,
            'ClassMeansHook',
            getattr(model.head, 'sampler_of_means', None),
        )
        means = class_means(model, images, model.head.num_classes)
        runner.logger.info(f'mean features of {int(means.any(1).sum())} classes')
        model.head.set_class_means(means)


@torch.no_grad()
def class_means(model: Any, dataloader: Any, num_classes: int) -> torch.Tensor:
    """Mean feature of every class.

    Args:
        model: An ``ImageClassifier``; it is left in evaluation mode.
        dataloader: Batches of labelled images, different ones on every rank.
        num_classes: Number of classes C.

    Returns:
        Tensor: Means over the images of all ranks, (C, D); zero for absent classes.
    """
    model.eval()
    device = device_of(model)
    sums = torch.zeros(num_classes, model.head.in_channels, device=device)
    images = torch.zeros(num_classes, 1, device=device)
    for inputs, samples in batches(dataloader, model.data_preprocessor):
        features = model.extract_feat(inputs, stage='pre_logits')
        if hasattr(model.head, 'share_of_row'):
            features = model.head.share_of_row(features.to(sums))
        labels = own_labels(samples)
        sums.index_add_(0, labels, features.to(sums))
        images.index_add_(0, labels, images.new_ones(len(labels), 1))
    all_reduce(sums)
    all_reduce(images)
    return sums / images.clamp_min(1)

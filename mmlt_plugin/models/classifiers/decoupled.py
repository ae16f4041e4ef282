"""The second stage of decoupled training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS

from ...errors import ConfigError


@MODELS.register_module()
class DecoupledClassifier(ImageClassifier):
    """Train some parts of a classifier and freeze all others.

    Kang et al., ICLR 2020, Sec. 4, and BBN Sec. 3: a first stage learns the features, a
    second stage the classifier on top. ``SecondStageHook`` loads the first stage's
    checkpoint. Frozen parameters get no gradients, so the optimizer, including weight decay
    and momentum, does not change them.

    Args:
        *args: Arguments of ``ImageClassifier``.
        trainable: Names of the modules or parameters to train: ``head``, or ``head.scales`` for
            LWS.
        eval_frozen: Whether frozen modules run in evaluation mode, with the first stage's
            BatchNorm statistics and without dropout. Otherwise they continue to collect
            statistics, now of the second stage's sampler, as in the papers' code.
        **kwargs: Arguments of ``ImageClassifier``.

    Raises:
        ConfigError: A name in ``trainable`` is not part of the model.

    Example:
        >>> from mmlt_plugin.models import DecoupledClassifier
        >>> model = DecoupledClassifier(
        ...     backbone=dict(type='CIFARResNet', depth=20),
        ...     neck=dict(type='GlobalAveragePooling'),
        ...     head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
        ... )
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['head.fc.weight', 'head.fc.bias']
        >>> model.train().backbone.training
        False
    """

    def __init__(
        self,
        *args: Any,
        trainable: Sequence[str] = ('head',),
        eval_frozen: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.eval_frozen = eval_frozen
        self.trainable = tuple(trainable)
        parameters = dict(self.named_parameters())
        for part in trainable:
            if not any(is_part_of(name, part) for name in parameters):
                raise ConfigError(
                    f'trainable of DecoupledClassifier: {part!r} has no parameter in '
                    'this model'
                )
        for name, parameter in parameters.items():
            learns = any(is_part_of(name, part) for part in trainable)
            parameter.requires_grad_(learns)

    def train(self, mode: bool = True) -> DecoupledClassifier:
        """Set the mode; with ``eval_frozen`` frozen modules stay in evaluation mode."""
        super().train(mode)
        if self.eval_frozen:
            # Not the preprocessor, whose mode switches augmentations on and off.
            for name, module in self.named_modules():
                if name.split('.')[0] in ('backbone', 'neck', 'head') and not any(
                    is_part_of(name, part) or is_part_of(part, name)
                    for part in self.trainable
                ):
                    module.training = False
        return self


def is_part_of(name: str, part: str) -> bool:
    """Whether a dotted name is ``part`` or lies within it."""
    return name == part or name.startswith(f'{part}.')

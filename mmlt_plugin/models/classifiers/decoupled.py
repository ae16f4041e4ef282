"""The second stage of decoupled training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS

from ...errors import ConfigError


@MODELS.register_module()
class DecoupledClassifier(ImageClassifier):
    """Train some parts of a classifier and leave all others as they are.

    Kang et al., ICLR 2020, Sec. 4, and BBN Sec. 3: a first stage learns the features,
    a second stage the classifier on them. ``SecondStageHook`` brings the first stage's
    checkpoint. Frozen parameters get no gradients, so the optimizer leaves them alone,
    weight decay and momentum too.

    Args:
        *args: Arguments of ``ImageClassifier``.
        trainable: Names of the parts that learn, modules or parameters: ``head``, or
            ``head.scales`` for LWS.
        eval_frozen: Whether modules outside of the parts that learn run as in
            evaluation, with the first stage's BatchNorm statistics and no dropout; if
            not, they go on collecting statistics, of the second stage's sampler then, as
            in the papers' codes.
        **kwargs: Arguments of ``ImageClassifier``.

    Raises:
        ConfigError: A name in ``trainable`` is no part of the model.

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
        """Set the mode, but of frozen modules only where that is asked for."""
        super().train(mode)
        if self.eval_frozen:
            # The preprocessor has no parameters, and its mode switches augmentations.
            for name, module in self.named_modules():
                if name.split('.')[0] in ('backbone', 'neck', 'head') and not any(
                    is_part_of(name, part) or is_part_of(part, name)
                    for part in self.trainable
                ):
                    module.training = False
        return self


def is_part_of(name: str, part: str) -> bool:
    """Whether a dotted name is a part or lies within it."""
    return name == part or name.startswith(f'{part}.')

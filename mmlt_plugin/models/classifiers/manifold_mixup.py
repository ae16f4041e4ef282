"""Mixup of hidden features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn
from torch.distributions import Beta

from ...checks import check_number
from ...errors import ConfigError
from ...transfer import to_device
from ..heads import stack_targets
from ..layers import split_halves

INPUTS = 'inputs'


@MODELS.register_module()
class ManifoldMixupClassifier(ImageClassifier):
    r"""Mix pairs of images at a layer drawn at random in every iteration.

    Verma et al., ICML 2019, Sec. 2: with :math:`\lambda \sim \mathrm{Beta}(a, a)` the
    features :math:`h` after the layer become :math:`\lambda h_i + (1 - \lambda) h_j`,
    and so do the labels. With ``two_samplers`` it is the variant of BBN's Table 1: in batches
    of ``BilateralBatchSampler``, image i of the uniform half is mixed with image i of the
    re-balanced half. Evaluation is that of ``ImageClassifier``.

    The head's loss must support soft labels.

    Args:
        *args: Arguments of ``ImageClassifier``.
        layers: Where to mix: ``inputs``, or names of submodules that return features with the
            batch as the first dimension, such as ``backbone.layer1``.
        beta: Parameter a > 0 of the Beta distribution.
        two_samplers: Whether partners come from the other half of a bilateral batch.
        **kwargs: Arguments of ``ImageClassifier``.

    Raises:
        ConfigError: A layer does not exist or did not run, ``beta`` is not positive, or
            a bilateral batch is odd.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ManifoldMixupClassifier
        >>> from mmpretrain.structures import DataSample
        >>> model = ManifoldMixupClassifier(
        ...     backbone=dict(type='CIFARResNet', depth=20),
        ...     neck=dict(type='GlobalAveragePooling'),
        ...     head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
        ...     layers=['inputs', 'backbone.layer1', 'backbone.layer2'],
        ... )
        >>> samples = [DataSample().set_gt_label(c) for c in (0, 1)]
        >>> list(model.loss(torch.rand(2, 3, 32, 32), samples))
        ['loss']
    """

    def __init__(
        self,
        *args: Any,
        layers: Sequence[str] = (INPUTS, 'backbone.layer1', 'backbone.layer2'),
        beta: float = 1.0,
        two_samplers: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_number('beta of ManifoldMixupClassifier', beta, '(0, inf)')
        if not isinstance(layers, (list, tuple)) or not layers:
            raise ConfigError(
                f'layers={layers!r} of ManifoldMixupClassifier must be a list of one or '
                "more names, such as ['inputs', 'backbone.layer1']"
            )
        known = dict(self.named_modules())
        for layer in layers:
            if layer != INPUTS and layer not in known:
                raise ConfigError(
                    f'layers of ManifoldMixupClassifier: the model has no {layer!r}; '
                    "'inputs' and names such as 'backbone.layer1' are known"
                )
        self.layers = list(layers)
        self.beta = beta
        self.two_samplers = two_samplers

    def loss(
        self, inputs: torch.Tensor, data_samples: list[DataSample]
    ) -> dict[str, torch.Tensor]:
        """The head's losses of mixed images.

        Args:
            inputs: Images (N, 3, H, W), N even with ``two_samplers``.
            data_samples: Their labels.

        Returns:
            dict: What the head's ``loss`` returns for N images or N / 2 pairs.
        """
        layer = self.layers[int(torch.randint(len(self.layers), ()))]
        ratio = float(Beta(self.beta, self.beta).sample())
        partners = None if self.two_samplers else torch.randperm(len(inputs))

        def mix(x: torch.Tensor) -> torch.Tensor:
            if partners is None:
                first, second = split_halves(x)
            else:
                first, second = x, x[to_device(partners, x.device)]
            return ratio * first + (1 - ratio) * second

        mixed_samples = self._mix_labels(data_samples, mix)
        if layer == INPUTS:
            return super().loss(mix(inputs), mixed_samples)
        reached = []

        def mix_output(module: nn.Module, args: Any, output: Any) -> Any:
            reached.append(module)
            if isinstance(output, torch.Tensor):
                return mix(output)
            return type(output)(mix(x) for x in output)

        handle = self.get_submodule(layer).register_forward_hook(mix_output)
        try:
            losses = super().loss(inputs, mixed_samples)
        finally:
            handle.remove()
        if not reached:
            raise ConfigError(
                f'layers of ManifoldMixupClassifier: {layer!r} takes no part in the '
                'forward pass, so nothing was mixed'
            )
        return losses

    def _mix_labels(self, data_samples: list[DataSample], mix: Any) -> list[DataSample]:
        target = stack_targets(data_samples)
        if target.dim() == 1:
            target = F.one_hot(target, self.head.num_classes)
        scores = mix(target.to(torch.get_default_dtype()))
        return [DataSample().set_gt_score(score) for score in scores]

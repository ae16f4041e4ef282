"""The base of losses that use the training images per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_world_size

from ...checks import check_choice
from ...errors import ConfigError, lacks_counts
from .class_weights import class_weights
from .constants import ModuleWithConstants

NORMALIZERS = ('weights', 'batch')


class ClassCountLoss(ModuleWithConstants):
    r"""A loss of every image, weighted by class and averaged.

    .. math:: L = \frac{\sum_n w_{y_n} \ell(z_n, y_n)}{\sum_n w_{y_n}}
        \quad\text{or}\quad \frac1N \sum_n w_{y_n} \ell(z_n, y_n)

    The first, ``normalizer='weights'``, is PyTorch's ``cross_entropy(weight=...)``, used by
    the code of LDAM-DRW and BBN; the second, ``'batch'``, is that of mmpretrain's
    ``class_weight`` and of CB-focal's code. Both are over the images of all ranks. For a soft
    label the loss is the expectation over its classes.

    Args:
        scheme: Class weights, see :func:`class_weights`; None is no weighting.
        beta: Beta of the scheme ``effective``.
        normalizer: ``weights`` or ``batch``.
        loss_weight: Factor of the loss.

    Raises:
        ConfigError: An argument lies outside its range, or class counts are missing in
            training.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.losses import ClassCountLoss
        >>> class MyLoss(ClassCountLoss):  # cross-entropy
        ...     def losses_of_labels(self, cls_score):
        ...         return -cls_score.log_softmax(1)
        >>> loss = MyLoss(scheme='inverse')
        >>> loss.set_class_counts([30, 10])
        >>> loss(torch.zeros(1, 2), torch.tensor([0]))
        tensor(0.6931)
    """

    counts: torch.Tensor
    weights: torch.Tensor
    #: Tensors (C,).
    constants: tuple[str, ...] = ('counts', 'weights')

    def __init__(
        self,
        scheme: str | None = None,
        beta: float = 0.9999,
        normalizer: str = 'weights',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        class_weights(torch.ones(1), scheme, beta)  # checks the arguments
        check_choice('normalizer', normalizer, NORMALIZERS)
        self.scheme = scheme
        self.beta = beta
        self.normalizer = normalizer
        self.loss_weight = loss_weight
        for name in self.constants:
            setattr(self, name, torch.zeros(0, dtype=torch.float64))

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Set the training images per class, shape (C,)."""
        images = self.images_per_class(counts)
        self.keep(counts=images, weights=class_weights(images, self.scheme, self.beta))

    def weights_of(self, label: torch.Tensor) -> torch.Tensor:
        """Weight (N,) of every image by its label (N,) or soft label (N, C)."""
        if label.dim() == 1:
            return self.weights[label]
        return (label * self.weights).sum(1)

    def divisor(self, weights: torch.Tensor, avg_factor: Any = None) -> torch.Tensor:
        """Divisor that turns a sum over this rank's images into the mean over all ranks.

        Args:
            weights: Weight (N,) of every image.
            avg_factor: Replaces N for ``normalizer='batch'``.

        Returns:
            Tensor: A positive scalar.
        """
        total = weights.sum().detach()
        if self.normalizer == 'batch':
            total = torch.full_like(total, float(avg_factor or len(weights)))
        all_reduce(total)
        smallest = torch.finfo(total.dtype).tiny  # no loss for a batch of weight zero
        return (total / get_world_size()).clamp_min(smallest)

    def losses_of_labels(self, cls_score: torch.Tensor) -> torch.Tensor:
        """Loss (N, C) of every image for every possible label, at least in float32."""
        raise NotImplementedError

    def forward(
        self,
        cls_score: torch.Tensor,
        label: torch.Tensor,
        weight: torch.Tensor | None = None,
        avg_factor: Any = None,
        reduction_override: str | None = None,
        **_: Any,
    ) -> torch.Tensor:
        """The loss, with the interface of mmpretrain's losses.

        Args:
            cls_score: Logits (N, C).
            label: Labels (N,) or soft labels (N, C).
            weight: Weights of single images, (N,).
            avg_factor: Replaces N for ``normalizer='batch'``; mmpretrain's heads pass N.
            reduction_override: ``none`` for the images' weighted losses, ``sum`` for their
                sum.

        Returns:
            Tensor: A scalar, or (N,).
        """
        if not self.counts.numel():
            raise lacks_counts(type(self).__name__)
        if self.counts.numel() != cls_score.size(1):
            raise ConfigError(
                f'{type(self).__name__} has the training images of {self.counts.numel()} '
                f'classes and got logits of shape {tuple(cls_score.shape)}'
            )
        if cls_score.dtype in (torch.float16, torch.bfloat16):
            cls_score = cls_score.float()
        by_label = self.losses_of_labels(cls_score)
        weights = self.weights_of(label).to(cls_score)
        if label.dim() == 1:
            losses = by_label.gather(1, label[:, None]).squeeze(1) * weights
        else:
            losses = (by_label * label * self.weights.to(cls_score)).sum(1)
        if weight is not None:
            losses, weights = losses * weight, weights * weight
        if reduction_override == 'none':
            return self.loss_weight * losses
        if reduction_override == 'sum':
            return self.loss_weight * losses.sum()
        return self.loss_weight * losses.sum() / self.divisor(weights, avg_factor)

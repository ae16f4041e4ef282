"""A classifier that generates the rows of few-shot classes from their images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from ...checks import check_number
from ...errors import ConfigError
from ..layers import WeightGenerator, cosines
from .accuracies import accuracies
from .linear_head import LinearHead
from .targets import stack_labels


@MODELS.register_module()
class FSLwFHead(LinearHead):
    r"""Learn frequent classes, and how to generate a classifier row from a few images.

    FSLwF, few-shot learning without forgetting (Gidaris and Komodakis, CVPR 2018). The
    logits are :math:`z_i = s \cos(w_i, f)` with a learnt s. Base classes, those with at
    least ``few`` training images, have ordinary rows. The row of any other class is a mean
    over its training images: of the output of :class:`WeightGenerator`, or in the first stage
    of their normalised features. ``ClassMeansHook`` computes these rows before every
    evaluation.

    There are two stages: first features and rows with ``novel=0``, from a sampler with
    ``min_images``; then rows and generator on frozen features, from
    :class:`EpisodeBatchSampler`. In the second stage the first ``novel`` classes of a batch
    play few-shot classes: their rows are generated from their first ``exemplars`` images,
    and all other images of the batch are classified.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        few: Smallest number of training images of a base class.
        novel: Number of classes that play few-shot classes; 0 is the first stage.
        exemplars: Number of images from which a row is generated in training.
        scale: Initial value of s.
        sharpness: Initial sharpness of the generator's attention.
        init_cfg: Initialisation; None is a normal distribution of variance 2 / D, as in
            the released code.
        **kwargs: Arguments of mmpretrain's ``ClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: An argument lies outside its range, there are too few base classes, the
            sampler does not draw such batches, the batch has soft labels, or class counts
            or rows are missing.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models import FSLwFHead
        >>> head = FSLwFHead(num_classes=10, in_channels=64, novel=1, exemplars=2)
        >>> samples = [DataSample().set_gt_label(n) for n in (4, 4, 4, 7, 7, 7)]
        >>> sorted(head.loss((torch.randn(6, 64),), samples))
        ['loss']
    """

    predicts_by_counts = True
    is_base: torch.Tensor
    made_rows: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        few: int = 20,
        novel: int = 0,
        exemplars: int = 5,
        scale: float = 10.0,
        sharpness: float = 10.0,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)
        owner = 'of FSLwFHead'
        check_number(f'few {owner}', few, '[1, inf)')
        check_number(f'novel {owner}', novel, '[0, inf)', integer=True)
        check_number(f'exemplars {owner}', exemplars, '[1, inf)', integer=True)
        check_number(f'scale {owner}', scale, '(0, inf)')
        check_number(f'sharpness {owner}', sharpness, '(0, inf)')
        self.few = few
        self.novel = novel
        self.exemplars = exemplars
        self.fc.register_parameter('bias', None)
        nn.init.normal_(self.fc.weight, std=(2 / in_channels) ** 0.5)
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        if novel:
            self.generator = WeightGenerator(num_classes, in_channels, sharpness)
        # Not in the state dict, because they follow from the training images.
        for name, value in (
            ('is_base', torch.ones(num_classes, dtype=torch.bool)),
            ('made_rows', torch.zeros(num_classes, in_channels)),
        ):
            self.register_buffer(name, value, persistent=False)
        self._knows_counts = self._knows_rows = False
        #: Config of a sampler that draws the images needed for :meth:`set_class_means`.
        self.sampler_of_means: dict | None = None

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Determine the base classes from the training images per class, (C,)."""
        counts = np.asarray(counts)
        self.is_base.copy_(torch.as_tensor(counts >= self.few))
        bases = int(self.is_base.sum())
        if bases <= self.novel:
            raise ConfigError(
                f'novel={self.novel} of FSLwFHead: {bases} of {len(counts)} classes have '
                f'few={self.few} training images or more, and one more than novel must'
            )
        rows_to_make = bool(((counts > 0) & (counts < self.few)).any())
        self.sampler_of_means = None
        if rows_to_make:
            self.sampler_of_means = dict(
                type='ShotSplitSampler', split='few', many=self.few, few=self.few
            )
        self._knows_counts = True
        self._knows_rows = not rows_to_make

    def check_sampler(self, sampler: Any) -> None:
        """Refuse a sampler that draws few-shot classes, or draws no episodes."""
        images = getattr(sampler, 'images_per_class', 1)
        if (
            getattr(sampler, 'min_images', None) != self.few
            or getattr(sampler, 'novel', 0) != self.novel
            or (self.novel and images <= self.exemplars)
        ):
            wanted = (
                f"batch_sampler=dict(type='EpisodeBatchSampler', novel={self.novel}, "
                f'images_per_class={self.exemplars + 1} or more, '
                if self.novel
                else "sampler=dict(type='ClassBalancedSampler', "
            )
            raise ConfigError(
                'FSLwFHead learns from base classes only: set train_dataloader.'
                f'{wanted}min_images={self.few})'
            )

    def share_of_row(self, feature: torch.Tensor) -> torch.Tensor:
        """Contribution (N, D) of images with features (N, D) to their classes' rows."""
        self._check_known(self._knows_counts)
        if not self.novel:
            return F.normalize(feature)
        return self.generator(feature, self.fc.weight, self.is_base)

    def set_class_means(self, means: torch.Tensor) -> None:
        """Set the means (C, D) of :meth:`share_of_row` over the training images."""
        self.made_rows.copy_(means)
        self._knows_rows = True

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C); in training of base classes only; -inf for classes without a row."""
        feature = self.feature_of(feats)
        if self.training:
            return self.base_logits(feature, self.fc.weight)
        self._check_known(self._knows_counts and self._knows_rows)
        rows = self.fc.weight.where(self.is_base[:, None], self.made_rows)
        has_row = self.is_base | self.made_rows.any(1)
        logits = self.scale * cosines(feature, rows)
        return logits.masked_fill(~has_row, -torch.inf)

    def _check_known(self, known: bool) -> None:
        if not known:
            raise ConfigError(
                'FSLwFHead needs the training images per class and the rows of few-shot '
                "classes: add default_hooks = dict(class_counts=dict(type='ClassCountsHook'), "
                "class_means=dict(type='ClassMeansHook')) to the config"
            )

    def base_logits(self, feature: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Logits (N, C) that exclude few-shot classes from a softmax."""
        # Finite, because losses multiply them, for instance by a focal weight of 0.
        return (self.scale * cosines(feature, rows)).masked_fill(~self.is_base, -100)

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss of the images; in the second stage of those that are no exemplars.

        In the second stage, the images of classes that play few-shot classes weigh as much in
        total as there are such classes, and likewise the images of the others, so that no
        class is favoured. (In the released config for ImageNet a plain mean is nearly the same.)

        Args:
            feats: Features, of which the last is used.
            data_samples: The batch's hard labels.
            **kwargs: Passed on to the loss.

        Returns:
            dict: ``loss``, and with ``cal_acc`` also ``accuracy_top-k``.
        """
        label = stack_labels(data_samples, type(self).__name__)
        if not self.novel:
            return super().loss(feats, data_samples, **kwargs)
        feature = self.feature_of(feats)
        is_novel, makes_row = episode(
            label, self.num_classes, self.novel, self.exemplars
        )
        shares = self.generator(feature, self.fc.weight, self.is_base & ~is_novel)
        with torch.autocast(feature.device.type, enabled=False):
            maker = F.one_hot(label, self.num_classes).to(shares) * makes_row[:, None]
            made = maker.T @ shares  # a sum, which has the same cosines as a mean
        logits = self.base_logits(
            feature, made.where(is_novel[:, None], self.fc.weight)
        )
        weight = torch.zeros_like(logits[:, 0])
        for classes in (is_novel, self.is_base & ~is_novel):
            asked = classes[label] & ~makes_row
            weight += asked * classes.sum() / asked.sum().clamp_min(1)
        smallest = torch.finfo(weight.dtype).tiny  # nothing to classify: no loss
        losses = dict(
            loss=self.loss_module(
                logits,
                label,
                weight=weight,
                avg_factor=weight.sum().clamp_min(smallest),
                **kwargs,
            )
        )
        if self.cal_acc:
            losses.update(accuracies(logits[~makes_row], label[~makes_row], self.topk))
        return losses


def episode(
    label: torch.Tensor, num_classes: int, novel: int, exemplars: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which classes play few-shot classes in a batch, and which images are exemplars.

    Args:
        label: Labels (N,).
        num_classes: Number of classes C.
        novel: Number of such classes, the first ones in the batch.
        exemplars: Number of exemplars per class, its first images in the batch.

    Returns:
        tuple: bool (C,) for the classes and bool (N,) for the images.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.heads.fslwf_head import episode
        >>> episode(torch.tensor([2, 2, 2, 0, 0, 2]), 3, novel=1, exemplars=2)
        (tensor([False, False,  True]), tensor([ True,  True, False, False, False, False]))
    """
    member = F.one_hot(label, num_classes)
    is_first = (member.cumsum(0) == 1) & (member == 1)
    # Number of classes seen up to each image, without waiting for the device.
    begun = is_first.any(1).cumsum(0)
    is_novel = (is_first & (begun <= novel)[:, None]).any(0)
    earlier = (member.cumsum(0) * member).sum(1) - 1
    return is_novel, is_novel[label] & (earlier < exemplars)

"""A classifier that makes the rows of few-shot classes from their images."""

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
from ..layers import WeightGenerator
from .accuracies import accuracies
from .linear_head import LinearHead
from .targets import stack_labels


@MODELS.register_module()
class FSLwFHead(LinearHead):
    r"""Learn frequent classes, and how to make a row for a class from a few images.

    FSLwF, few-shot learning without forgetting (Gidaris and Komodakis, CVPR 2018). The
    logits are :math:`z_i = s \cos(w_i, f)` with a learnt s. Base classes, those with at
    least ``few`` training images, have rows as usual; the rows of all others are made of
    their training images by :class:`WeightGenerator`, ``ClassMeansHook`` brings them before
    every evaluation.

    Two stages: features and rows with ``novel=0``, then rows and generator on features
    that stay. There, in every batch the first ``novel`` classes play few-shot classes: their
    first ``exemplars`` images make rows in place of their own, and the other images of
    the batch are classified among all base classes. Batches have several images of a
    class in a row, and only base classes: ``ClassBalancedSampler`` with
    ``images_per_class`` and ``min_images``.

    Args:
        num_classes: Number of classes C.
        in_channels: Channels D of the feature.
        few: Training images of a base class, at least.
        novel: Classes that play few-shot classes; 0 is the first stage.
        exemplars: Images a row is made of in training.
        scale: The factor s to begin with.
        sharpness: That of the attention to begin with.
        dropout: Part of the features' channels that is dropped in the second stage.
        init_cfg: Initialisation; None is a normal distribution of variance 2 / D, as in
            the released code.
        **kwargs: Arguments of mmpretrain's ``ClsHead``: ``loss``, ``topk``, ``cal_acc``.

    Raises:
        ConfigError: An argument lies outside its range, there are too few base classes,
            the sampler does not give such batches, the batch has soft labels, or
            nothing has brought the rows of few-shot classes.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models import FSLwFHead
        >>> head = FSLwFHead(num_classes=10, in_channels=64, novel=1, exemplars=2)
        >>> samples = [DataSample().set_gt_label(n) for n in (4, 4, 4, 7, 7, 7)]
        >>> sorted(head.loss((torch.randn(6, 64),), samples))
        ['loss']
    """

    is_base: torch.Tensor
    made: torch.Tensor

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        few: int = 20,
        novel: int = 0,
        exemplars: int = 5,
        scale: float = 10.0,
        sharpness: float = 10.0,
        dropout: float = 0.5,
        init_cfg: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)
        owner = 'of FSLwFHead'
        check_number(f'few {owner}', few, '[0, inf)')
        check_number(f'novel {owner}', novel, '[0, inf)', integer=True)
        check_number(f'exemplars {owner}', exemplars, '[1, inf)', integer=True)
        check_number(f'scale {owner}', scale, '(0, inf)')
        check_number(f'sharpness {owner}', sharpness, '(0, inf)')
        check_number(f'dropout {owner}', dropout, '[0, 1)')
        self.few = few
        self.novel = novel
        self.exemplars = exemplars
        self.fc.register_parameter('bias', None)
        nn.init.normal_(self.fc.weight, std=(2 / in_channels) ** 0.5)
        self.scale = nn.Parameter(torch.tensor(float(scale)))
        if novel:
            self.generator = WeightGenerator(num_classes, in_channels, sharpness)
            self.dropout = nn.Dropout(dropout)
        # Not in the state dict: they follow from the training images.
        for name, value in (
            ('is_base', torch.ones(num_classes, dtype=torch.bool)),
            ('made', torch.zeros(num_classes, in_channels)),
        ):
            self.register_buffer(name, value, persistent=False)
        self._lacks_rows = False

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Find the base classes by the training images per class, (C,)."""
        self.is_base = torch.as_tensor(np.asarray(counts) >= self.few)
        self._lacks_rows = not self.is_base.all()
        if self.is_base.sum() <= self.novel:
            raise ConfigError(
                f'novel={self.novel} of FSLwFHead: of {len(counts)} classes '
                f'{int(self.is_base.sum())} have few={self.few} training images or more, and '
                'one at least must be left'
            )

    def check_sampler(self, sampler: Any) -> None:
        """Refuse a sampler that draws few-shot classes, or leaves no image to classify."""
        row = self.exemplars + 1 if self.novel else 1
        if (
            getattr(sampler, 'min_images', None) != self.few
            or sampler.images_per_class < row
        ):
            raise ConfigError(
                'train_dataloader.sampler must draw the base classes of FSLwFHead: set it to '
                f"dict(type='ClassBalancedSampler', min_images={self.few}"
                + (f', images_per_class={row} or more)' if self.novel else ')')
            )

    def to_average(self, feature: torch.Tensor) -> torch.Tensor:
        """What an image's feature says about its class's row; (N, D) from (N, D)."""
        if not self.novel:
            return F.normalize(feature)
        return self.generator(feature, self.fc.weight, self.is_base)

    def set_class_means(self, means: torch.Tensor) -> None:
        """Take the means (C, D) of :meth:`to_average` over the training images."""
        self.made = means
        self._lacks_rows = False

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Logits (N, C); -inf for few-shot classes in training, or without an image."""
        feature = self.pre_logits(feats).to(self.fc.weight.dtype)
        if self.training:
            return self.cosines(feature, self.fc.weight, self.is_base)
        if self._lacks_rows:
            raise ConfigError(
                'FSLwFHead makes the rows of few-shot classes from their images: add '
                "default_hooks = dict(class_means=dict(type='ClassMeansHook')) to the config"
            )
        weight = self.fc.weight.where(self.is_base[:, None], self.made.to(feature))
        return self.cosines(feature, weight, self.is_base | self.made.any(1))

    def cosines(
        self, feature: torch.Tensor, weight: torch.Tensor, is_known: torch.Tensor
    ) -> torch.Tensor:
        """Scaled cosines (N, C), -inf where a class is not known."""
        # Not in bfloat16, whose steps the scale would blow up.
        with torch.autocast(feature.device.type, enabled=False):
            cosine = F.linear(F.normalize(feature), F.normalize(weight))
            return (self.scale * cosine).masked_fill(~is_known, -torch.inf)

    def loss(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: list[DataSample],
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Loss of the images, in the second stage of those that make no row.

        Args:
            feats: Features; the last is taken.
            data_samples: The batch's labels, hard ones.
            **kwargs: Passed on to the loss.

        Returns:
            dict: ``loss``, and ``accuracy_top-k`` with ``cal_acc``.
        """
        label = stack_labels(data_samples, type(self).__name__)
        if not self.novel:
            return super().loss(feats, data_samples, **kwargs)
        feature = self.dropout(self.pre_logits(feats).to(self.fc.weight.dtype))
        is_novel, makes_row = episode(
            label, self.num_classes, self.novel, self.exemplars
        )
        with torch.autocast(feature.device.type, enabled=False):
            said = self.generator(feature, self.fc.weight, self.is_base & ~is_novel)
            maker = F.one_hot(label, self.num_classes).to(said) * makes_row[:, None]
            made = maker.T @ said / maker.sum(0).clamp_min(1)[:, None]
        rows = made.where(is_novel[:, None], self.fc.weight)
        logits = self.cosines(feature, rows, self.is_base)
        # Each kind of images counts as much as it has classes, as in the test.
        plays = is_novel[label] & ~makes_row
        share = self.novel / self.is_base.sum()
        weight = torch.where(
            plays,
            share / plays.sum().clamp_min(1),
            (1 - share) / (~is_novel[label]).sum().clamp_min(1),
        ).masked_fill(makes_row, 0)
        losses = dict(
            loss=self.loss_module(logits, label, weight=weight, avg_factor=1, **kwargs)
        )
        if self.cal_acc:
            losses.update(accuracies(logits[~makes_row], label[~makes_row], self.topk))
        return losses


def episode(
    label: torch.Tensor, num_classes: int, novel: int, exemplars: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which classes play few-shot classes in a batch, and which images make their rows.

    Args:
        label: Labels (N,).
        num_classes: Number of classes C.
        novel: Number of such classes, the first ones in the batch.
        exemplars: Images a row is made of, the first ones of their class.

    Returns:
        tuple: bool (C,) and bool (N,).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.heads.fslwf_head import episode
        >>> episode(torch.tensor([2, 2, 2, 0, 0, 2]), 3, novel=1, exemplars=2)
        (tensor([False, False,  True]), tensor([ True,  True, False, False, False, False]))
    """
    member = F.one_hot(label, num_classes)
    is_first = (member.cumsum(0) == 1) & (member == 1)
    # Number of classes that begin up to an image; without waiting for the device.
    begun = is_first.any(1).cumsum(0)
    is_novel = (is_first & (begun <= novel)[:, None]).any(0)
    earlier = (member.cumsum(0) * member).sum(1) - 1
    return is_novel, is_novel[label] & (earlier < exemplars)

"""Crops and flips whole batches on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS

from ...checks import check_number
from ...datasets.bulk import one_an_image
from ...errors import ConfigError
from ...transfer import to_device


@MODELS.register_module()
class BatchAugmentPreprocessor(ClsDataPreprocessor):
    """Normalise a batch, after cropping and flipping it in training.

    The distribution is that of ``RandomCrop(padding=...)`` and ``RandomFlip(prob=...)`` in a
    pipeline, drawn for every image, but with a few operations on the whole batch, on the
    model's device. The random numbers come from PyTorch's generator in the main process, which
    ``ExactResumeHook`` seeds by epoch and rank.

    Args:
        crop_size: Required size of the images in pixels; None accepts any.
        crop_padding: Width of the black border, in pixels, before a crop of the image's
            size; at least 0.
        flip_prob: Probability of a horizontal flip, in [0, 1].
        **kwargs: Arguments of mmpretrain's ``ClsDataPreprocessor``: ``mean``, ``std``, ...

    Raises:
        ConfigError: An argument lies outside its range, or images have another size.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import BatchAugmentPreprocessor
        >>> preprocessor = BatchAugmentPreprocessor(crop_padding=4, flip_prob=0.5)
        >>> images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        >>> preprocessor(dict(inputs=images), training=True)['inputs'].shape
        torch.Size([2, 3, 32, 32])
    """

    def __init__(
        self,
        crop_size: int | Sequence[int] | None = None,
        crop_padding: int = 0,
        flip_prob: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = 'of BatchAugmentPreprocessor'
        check_number(f'crop_padding {owner}', crop_padding, '[0, inf)', integer=True)
        check_number(f'flip_prob {owner}', flip_prob, '[0, 1]')
        if isinstance(crop_size, int):
            crop_size = (crop_size, crop_size)
        if crop_size is not None and not (
            isinstance(crop_size, (list, tuple))
            and len(crop_size) == 2
            and all(isinstance(side, int) for side in crop_size)
        ):
            raise ConfigError(
                f'crop_size={crop_size!r} {owner} must be an integer or a pair of them'
            )
        self.crop_size = None if crop_size is None else tuple(crop_size)
        self.crop_padding = crop_padding
        self.flip_prob = flip_prob

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs``, uint8 (B, 3, H, W) or a list of images (3, H, W) of one size,
                and ``data_samples``: one per image, or one with the labels (B,) of the batch.
            training: Whether to crop, flip and mix.

        Returns:
            dict: The same, with ``inputs`` in float32 on the model's device.
        """
        if training:
            # Before the conversion to float32: a quarter of the bytes to move.
            inputs = self.cast_data(data['inputs'])
            if not isinstance(inputs, torch.Tensor):
                sizes = {tuple(image.shape) for image in inputs}
                if len(sizes) > 1:
                    raise ConfigError(
                        f'BatchAugmentPreprocessor needs images of one size and got '
                        f'{sorted(sizes)[:3]}: resize them in the pipeline'
                    )
                inputs = torch.stack(list(inputs))
            if self.crop_size not in (None, tuple(inputs.shape[-2:])):
                raise ConfigError(
                    f'BatchAugmentPreprocessor crops to the size of the images, which is '
                    f'{tuple(inputs.shape[-2:])} and not crop_size={self.crop_size}: '
                    'resize them in the pipeline, or leave out --in-memory'
                )
            data = dict(
                data,
                inputs=random_crop_and_flip(inputs, self.crop_padding, self.flip_prob),
            )
            if self.to_onehot:
                data['data_samples'] = one_an_image(data['data_samples'])
        return super().forward(data, training)


def random_crop_and_flip(
    images: torch.Tensor, padding: int, flip_prob: float
) -> torch.Tensor:
    """Shift every image by up to ``padding`` pixels over black, and flip some.

    Args:
        images: Images (B, C, H, W) of any type and device.
        padding: Largest shift in pixels; every offset is equally likely.
        flip_prob: Probability of a horizontal flip.

    Returns:
        Tensor: Images (B, C, H, W).

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import random_crop_and_flip
        >>> random_crop_and_flip(torch.tensor([[[[1, 2]]]]), padding=0, flip_prob=1.0)
        tensor([[[[2, 1]]]])
    """
    size, _, height, width = images.shape
    # Drawn on the CPU, so that the numbers do not depend on the device.
    offsets = torch.randint(2 * padding + 1, (2, size, 1))
    flips = torch.rand(1, size, 1) < flip_prob
    down, right, flips = to_device(torch.cat([offsets, flips]), images.device)
    rows = down + torch.arange(height, device=images.device)
    steps = torch.arange(width, device=images.device)
    columns = right + torch.where(flips.bool(), width - 1 - steps, steps)
    padded = F.pad(images, [padding] * 4)
    number = torch.arange(size, device=images.device)[:, None, None]
    # Indexed with the channels last, where a pixel's three values are adjacent.
    pixels = padded.permute(0, 2, 3, 1)[number, rows[:, :, None], columns[:, None, :]]
    # The layout of the stock path, so that convolutions use the same algorithm.
    return pixels.permute(0, 3, 1, 2).contiguous()

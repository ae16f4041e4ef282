"""Datasets of small images in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.registry import FUNCTIONS
from mmpretrain.registry import DATASETS
from mmpretrain.structures import DataSample

from ..errors import ConfigError
from ..transfer import to_device
from .dataset_wrapper import DatasetWrapper

#: Number of images read twice, to detect a random pipeline.
SECOND_LOOKS = 32


@FUNCTIONS.register_module()
def whole_batch(batch: dict) -> dict:
    """Collate function for datasets that return whole batches.

    Raises:
        ConfigError: It got single items.
    """
    if not isinstance(batch, dict):
        raise ConfigError(
            "collate_fn 'whole_batch' got single items: InMemoryDataset must be the "
            "dataloader's dataset itself, around all other wrappers"
        )
    return batch


@DATASETS.register_module()
class InMemoryDataset(DatasetWrapper):
    """Keep all images of a dataset in one tensor and return whole batches.

    For images of 32 x 32 pixels, Python's overhead for each transform exceeds the
    arithmetic. Here the dataset's pipeline runs once per image, a batch is one indexing
    operation, and random transforms are left to ``BatchAugmentPreprocessor``, on the device.
    Samplers and class counts work as on the dataset itself; other wrappers belong inside.
    The dataloader also needs ``collate_fn=dict(type='whole_batch')`` and ``num_workers=0``;
    ``tools/train.py CONFIG --in-memory`` sets all of this and the loops.

    Args:
        dataset: A dataset whose pipeline is not random and returns images of one size, as a
            config dict or an instance.
        device: Where the images are kept; None is where mmengine puts models.

    Returns:
        dict: From ``__getitems__``: ``inputs``, uint8 (B, 3, H, W), and ``data_samples``, a list
        of one ``DataSample`` with the labels (B,), which heads accept in training, and
        ``BulkValLoop`` and ``BulkTestLoop`` in evaluation.

    Raises:
        ConfigError: The images have different sizes, or the pipeline is random.

    Example:
        >>> from mmlt_plugin.datasets import InMemoryDataset
        >>> pipeline = [dict(type='Resize', scale=16), dict(type='PackInputs')]
        >>> dataset = InMemoryDataset(dict(type='Digits', split='test', pipeline=pipeline))
        >>> dataset.__getitems__([3, 5])['inputs'].shape
        torch.Size([2, 3, 16, 16])
    """

    def __init__(self, dataset: Any, device: str | None = None) -> None:
        super().__init__(dataset)
        images = [self.dataset[i]['inputs'] for i in range(len(self.dataset))]
        sizes = {tuple(image.shape) for image in images}
        if len(sizes) > 1:
            raise ConfigError(
                f'InMemoryDataset needs images of one size and found {sorted(sizes)[:3]}: '
                'resize them in the pipeline'
            )
        twice = (
            self.dataset[i]['inputs'] for i in range(min(len(images), SECOND_LOOKS))
        )
        if not all(map(torch.equal, images, twice)):
            raise ConfigError(
                'InMemoryDataset runs its pipeline once per image, and this one is random: '
                'every epoch would see the same view, so leave random transforms to '
                'BatchAugmentPreprocessor'
            )
        self.device = device or get_device()
        self.images = torch.stack(images).to(self.device)
        self.labels = torch.tensor(self.get_gt_labels()).to(self.device)

    def __getitems__(self, indices: Sequence[int]) -> dict:
        chosen = to_device(torch.as_tensor(indices), self.device)
        sample = DataSample(metainfo=dict(sample_idx=list(indices)))
        return dict(
            inputs=self.images[chosen],
            data_samples=[sample.set_gt_label(self.labels[chosen])],
        )

    def __getitem__(self, idx: int) -> dict:
        return dict(
            inputs=self.images[idx],
            data_samples=DataSample(metainfo=dict(sample_idx=idx)).set_gt_label(
                self.labels[idx : idx + 1]
            ),
        )

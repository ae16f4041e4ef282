"""One ``DataSample`` for a whole batch, and back to one per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.structures import DataSample


def in_one_sample(data_samples: Sequence[DataSample]) -> list[DataSample]:
    """Collect the labels (N,) of a batch in one sample; soft labels are left as they are.

    Args:
        data_samples: One sample per image, or one for the batch already.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.datasets.bulk import in_one_sample
        >>> in_one_sample([DataSample().set_gt_label(c) for c in (3, 1)])[0].gt_label
        tensor([3, 1])
    """
    if len(data_samples) == 1 or 'gt_score' in data_samples[0]:
        return list(data_samples)
    labels = torch.cat([sample.gt_label for sample in data_samples])
    return [DataSample().set_gt_label(labels)]


def is_bulk(data_samples: Any) -> bool:
    """Whether one sample stands for a whole batch, like those of ``InMemoryDataset``.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.datasets.bulk import is_bulk
        >>> is_bulk([DataSample(metainfo=dict(sample_idx=[7, 9]))])
        True
    """
    if not (isinstance(data_samples, list) and len(data_samples) == 1):
        return False
    numbers = getattr(data_samples[0], 'sample_idx', None)
    return isinstance(numbers, (list, tuple))


def one_an_image(data_samples: Sequence[DataSample]) -> list[DataSample]:
    """One sample per image, as mmpretrain's components expect.

    Args:
        data_samples: One sample with the labels (B,) of a batch and the list of its images'
            numbers, ``sample_idx``; or one per image already.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.datasets.bulk import one_an_image
        >>> batch = DataSample(metainfo=dict(sample_idx=[7, 9]))
        >>> samples = one_an_image([batch.set_gt_label(torch.tensor([3, 1]))])
        >>> [(sample.sample_idx, sample.gt_label) for sample in samples]
        [(7, tensor([3])), (9, tensor([1]))]
    """
    if not is_bulk(data_samples):
        return list(data_samples)
    (batch,) = data_samples
    return [
        DataSample(metainfo=dict(sample_idx=number)).set_gt_label(label)
        for number, label in zip(batch.sample_idx, batch.gt_label[:, None])
    ]


def image_numbers(data_samples: Sequence[DataSample]) -> list[int]:
    """Number of every image of a batch in its dataset, ``sample_idx``.

    Args:
        data_samples: One sample per image, or one for the batch.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.datasets.bulk import image_numbers
        >>> image_numbers([DataSample(metainfo=dict(sample_idx=[7, 9]))])
        [7, 9]
    """
    if is_bulk(data_samples):
        return list(data_samples[0].sample_idx)
    return [sample.sample_idx for sample in data_samples]

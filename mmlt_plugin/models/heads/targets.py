"""Labels of a batch as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmpretrain.structures import DataSample

from ...errors import ConfigError


def stack_targets(data_samples: Sequence[DataSample]) -> torch.Tensor:
    """Labels (N,), or soft labels (N, C) if a batch augmentation made them.

    Args:
        data_samples: One per image, or one with the labels (N,) of the batch.

    Raises:
        ConfigError: An image has several labels, or none.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models.heads import stack_targets
        >>> stack_targets([DataSample().set_gt_label(3), DataSample().set_gt_label(1)])
        tensor([3, 1])
    """
    if 'gt_score' in data_samples[0]:
        return torch.stack([sample.gt_score for sample in data_samples])
    labels = [sample.gt_label for sample in data_samples]
    numbers = {len(label) for label in labels}
    if len(labels) > 1 and numbers != {1}:
        raise ConfigError(
            f'images came with {sorted(numbers)} labels, and each needs exactly one: '
            'train_dataloader.dataset must not be multi-label'
        )
    return torch.cat(labels)


def stack_labels(data_samples: Sequence[DataSample], owner: str) -> torch.Tensor:
    """Labels (N,) for components that cannot use soft labels.

    Raises:
        ConfigError: The batch has soft labels.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models.heads.targets import stack_labels
        >>> stack_labels([DataSample().set_gt_label(3)], 'OLTRHead')
        tensor([3])
    """
    label = stack_targets(data_samples)
    if label.dim() > 1:
        raise ConfigError(
            f'{owner} got soft labels and needs one label per image: remove batch '
            'augmentations such as mixup from model.train_cfg.augments'
        )
    return label


def own_labels(data_samples: Sequence[DataSample]) -> torch.Tensor:
    """The images' hard labels (N,), even if there are soft ones as well.

    A preprocessor that augments batches also adds soft labels in evaluation.

    Example:
        >>> import torch
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.models.heads.targets import own_labels
        >>> sample = DataSample().set_gt_label(1).set_gt_score(torch.tensor([0.0, 1.0]))
        >>> own_labels([sample])
        tensor([1])
    """
    return torch.cat([sample.gt_label for sample in data_samples])

"""Pictures of predictions, named by folder and file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import torch
from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample


@HOOKS.register_module()
class FolderVisualizationHook(VisualizationHook):
    """mmpretrain's ``VisualizationHook`` for class folders with equal file names.

    mmpretrain names a picture after the image's file, so ``cat/1.jpg`` and ``dog/1.jpg``
    overwrite each other. Here they become ``cat_1.jpg`` and ``dog_1.jpg``, and
    ``cat/old/1.jpg`` becomes ``cat_old_1.jpg``. The arguments are the same.

    Example:
        >>> default_hooks = dict(
        ...     visualization=dict(type='FolderVisualizationHook', enable=False)
        ... )
    """

    def _draw_samples(
        self,
        batch_idx: int,
        data_batch: dict,
        data_samples: Sequence[DataSample],
        step: int = 0,
    ) -> None:
        if self.enable:
            classes = (self._visualizer.dataset_meta or {}).get('classes') or ()
            data_samples = [with_folder(sample, classes) for sample in data_samples]
        super()._draw_samples(batch_idx, data_batch, data_samples, step)


def with_folder(sample: Any, classes: Sequence[str] = ()) -> Any:
    """A copy of a sample in which the image is named by folder and file.

    Args:
        sample: The data sample.
        classes: Class names. The name begins with the folder that is named after the image's
            class, or without one with the last folder.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.engine.hooks.folder_visualization_hook import with_folder
        >>> sample = DataSample(metainfo=dict(img_path='data/cat/1.jpg'))
        >>> with_folder(sample).img_path
        'cat_1.jpg'
    """
    if 'img_path' not in sample:
        return sample
    *folders, file = PurePosixPath(sample.img_path).parts
    label = (
        int(sample.gt_label)
        if sample.get('gt_label', torch.empty(0)).numel() == 1
        else -1
    )
    if 0 <= label < len(classes) and classes[label] in folders:
        folders = folders[folders.index(classes[label]) :]
    else:
        folders = folders[-1:]
    named = sample.clone()
    named.set_metainfo(dict(img_path='_'.join([*folders, file])))
    return named

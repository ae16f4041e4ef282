"""Pictures of predictions, named by folder and file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from mmpretrain.engine.hooks import VisualizationHook
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample


@HOOKS.register_module()
class FolderVisualizationHook(VisualizationHook):
    """mmpretrain's ``VisualizationHook`` for class folders with equal file names.

    mmpretrain names a picture after the image's file, so ``cat/1.jpg`` and ``dog/1.jpg``
    overwrite each other. Here they become ``cat_1.jpg`` and ``dog_1.jpg``. The arguments are
    the same.

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
            data_samples = [with_folder(sample) for sample in data_samples]
        super()._draw_samples(batch_idx, data_batch, data_samples, step)


def with_folder(sample: Any) -> Any:
    """A copy of a sample in which the image is named by folder and file.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> from mmlt_plugin.engine.hooks.folder_visualization_hook import with_folder
        >>> sample = DataSample(metainfo=dict(img_path='data/cat/1.jpg'))
        >>> with_folder(sample).img_path
        'cat_1.jpg'
    """
    if 'img_path' not in sample:
        return sample
    path = PurePosixPath(sample.img_path)
    named = sample.clone()
    named.set_metainfo(dict(img_path='_'.join([*path.parts[-2:-1], path.name])))
    return named

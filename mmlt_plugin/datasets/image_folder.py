"""A folder of class folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.registry import DATASETS

from ..errors import ConfigError
from .image_list import ImageListDataset, ImageRecords

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp')


@DATASETS.register_module()
class ImageFolderDataset(ImageListDataset):
    """Images in ``<data_root>/<split>/<class>/``, at any depth below the class.

    Labels follow the given classes, not the split's own folders: a rare class may have
    no folder in ``val`` without shifting the others. Hidden folders are passed over.

    Args:
        data_root: Folder of the splits.
        split: Name of the split's folder.
        classes: Names of the classes in label order.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``, ``pipeline`` above all.

    Raises:
        ConfigError: The split has no folder or no image, or a folder that is no class.

    Example:
        >>> from mmlt_plugin.datasets import ImageFolderDataset
        >>> root = getfixture('tmp_path')
        >>> for name in ('train/cat', 'train/dog', 'val/dog'):
        ...     (root / name).mkdir(parents=True)
        ...     (root / name / '1.jpg').touch()
        >>> ImageFolderDataset(str(root), 'val', ['cat', 'dog']).get_gt_labels()
        array([1])
    """

    def __init__(
        self, data_root: str, split: str, classes: Sequence[str], **kwargs: Any
    ) -> None:
        self.split = split
        super().__init__(
            '',
            data_root,
            num_classes=len(classes),
            metainfo=dict(classes=tuple(classes)),
            **kwargs,
        )

    def load_data_list(self) -> ImageRecords:
        """Find the images, sorted by class and path."""
        folder = Path(self.data_root, self.split)
        if not folder.is_dir():
            raise ConfigError(f'{folder}: there is no such folder')
        labels = {name: label for label, name in enumerate(self.metainfo['classes'])}
        found = []
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith('.') or not entry.is_dir():
                continue
            if entry.name not in labels:
                raise ConfigError(f'{entry} is none of the {len(labels)} classes')
            for parent, _, files in os.walk(entry, followlinks=True):
                found += [
                    (labels[entry.name], os.path.join(parent, name))
                    for name in files
                    if name.lower().endswith(EXTENSIONS)
                ]
        if not found:
            raise ConfigError(f'{folder} has no images ({", ".join(EXTENSIONS)})')
        found.sort()
        paths = [os.path.relpath(path, self.data_root).encode() for _, path in found]
        return ImageRecords(
            self.data_root,
            np.array(paths),
            np.array([label for label, _ in found]),
            np.arange(1, len(found) + 1),
        )

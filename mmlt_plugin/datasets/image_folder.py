"""A dataset from one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpretrain.registry import DATASETS

from ..errors import ConfigError
from .image_files import EXTENSIONS, find_images, visible_folders
from .image_list import ImageListDataset
from .image_records import ImageRecords


def class_folders(data_root: str) -> list[str]:
    """Class names: the sorted folders in ``<data_root>/train``, without hidden ones.

    Raises:
        ConfigError: There are fewer than two.

    Example:
        >>> from mmlt_plugin.datasets.image_folder import class_folders
        >>> root = getfixture('tmp_path')
        >>> for name in ('train/dog', 'train/cat', 'val/cat'):
        ...     (root / name).mkdir(parents=True)
        >>> class_folders(str(root))
        ['cat', 'dog']
    """
    folder = Path(data_root, 'train')
    names = [entry.name for entry in visible_folders(folder)]
    if len(names) < 2:
        found = f'has {len(names)} folders' if folder.is_dir() else 'does not exist'
        raise ConfigError(
            f'{folder} {found}, and should have a folder for each class: set data_root '
            '(for the configs in configs/ the environment variable DATA) to the folder of '
            'train/<class>/ and val/<class>/ (tools/dataset/split.py makes it of <class>/), '
            'and to test or predict use the config in the work dir, which knows it'
        )
    return names


@DATASETS.register_module()
class ImageFolderDataset(ImageListDataset):
    """Images in ``<data_root>/<split>/<class>/``, at any depth below the class.

    Labels follow the given classes, not the split's own folders, so a rare class without a
    folder in ``val`` does not shift the others. Hidden folders and files are skipped; other
    files whose names are not those of images are counted in a warning.

    Args:
        data_root: Folder of the splits.
        split: Name of the split's folder.
        classes: Class names in label order; None takes the folders in ``train``.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``, ``pipeline`` above all.

    Raises:
        ConfigError: The split has no folder, no image, or a folder of an unknown class; or
            without ``classes`` there are fewer than two folders in ``train``.

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
        self,
        data_root: str,
        split: str,
        classes: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.split = split
        classes = classes or class_folders(data_root)
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
        folders = visible_folders(folder)
        for entry in folders:
            if entry.name not in labels:
                raise ConfigError(f'{entry} is none of the {len(labels)} classes')
        found = sorted(
            (labels[Path(path).relative_to(folder).parts[0]], path)
            for path in find_images(folders)
        )
        if not found:
            raise ConfigError(f'{folder} has no images ({", ".join(EXTENSIONS)})')
        return ImageRecords.of_files(
            self.data_root, [path for _, path in found], [label for label, _ in found]
        )

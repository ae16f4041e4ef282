"""Images without labels, for prediction."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmpretrain.registry import DATASETS

from ..errors import ConfigError
from .image_faults import fault_of
from .image_files import EXTENSIONS, find_images
from .image_list import ImageListDataset
from .image_records import ImageRecords


@DATASETS.register_module()
class UnlabelledImages(ImageListDataset):
    """All images below a folder; their label is -1.

    Args:
        data_root: The folder.
        skip_broken: Whether to leave out files that cannot be decoded, each with a warning.
            Every file is then decoded twice.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``: ``pipeline``, and
            ``metainfo`` with the classes that can be predicted.

    Raises:
        ConfigError: The folder has no image. Reading a broken image raises it too, with the
            path.

    Example:
        >>> from mmlt_plugin.datasets import UnlabelledImages
        >>> root = getfixture('tmp_path')
        >>> (root / 'deep').mkdir()
        >>> (root / 'deep/1.jpg').touch()
        >>> len(UnlabelledImages(str(root)))
        1
    """

    REMEDY = '--skip-broken leaves such files out'

    def __init__(
        self, data_root: str, skip_broken: bool = False, **kwargs: Any
    ) -> None:
        self.skip_broken = skip_broken
        super().__init__('', data_root, **kwargs)

    def load_data_list(self) -> ImageRecords:
        """Find the images, sorted by path."""
        found = find_images([Path(self.data_root)])
        if self.skip_broken:
            found = [path for path in found if not _is_broken(path)]
        if not found:
            raise ConfigError(
                f'{self.data_root} has no images that can be read '
                f'({", ".join(EXTENSIONS)})'
            )
        return ImageRecords.of_files(self.data_root, found, [-1] * len(found))


def _is_broken(path: str) -> bool:
    fault = fault_of(path, clips=False, decode=True)
    if fault:
        print_log(f'{path} is left out: {fault}', 'current', level=logging.WARNING)
    return fault is not None

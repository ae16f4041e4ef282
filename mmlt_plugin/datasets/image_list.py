"""A dataset from a text list of images."""

from __future__ import annotations

import codecs
import os
import re
from typing import Any, ClassVar

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from ..class_names import placeholders
from ..errors import ConfigError
from .image_records import ImageRecords
from .reading import READ_ERRORS, can_be_read


@DATASETS.register_module()
class ImageListDataset(BaseDataset):
    r"""Images from a text list with one ``<relative path> <label>`` per line.

    Classes are named after the images' folders if each class has its own, and ``class 0``,
    ``class 1``, ... otherwise.

    Args:
        ann_file: The list, relative to ``data_root`` or an absolute path.
        data_root: Folder of the images, to which the list's paths are relative.
        num_classes: Number of classes C; None takes the largest label plus one.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``: ``pipeline``, ``metainfo``,
            ``data_prefix``.

    Raises:
        ConfigError: The list is missing, a line is malformed, a label lies outside 0..C-1,
            or without ``num_classes`` a class has no image. Reading a missing or broken
            image raises it too, with the path and the line.

    Example:
        >>> from pathlib import Path
        >>> from mmlt_plugin.datasets import ImageListDataset
        >>> folder = getfixture('tmp_path')
        >>> _ = (folder / 'list.txt').write_text('cat/1.jpg 0\ndog/1.jpg 1\n')
        >>> dataset = ImageListDataset('list.txt', data_root=str(folder))
        >>> len(dataset), dataset.CLASSES
        (2, ('cat', 'dog'))
    """

    #: What to do about images that cannot be read.
    REMEDY: ClassVar[str] = (
        'tools/dataset/check.py lists all such files, RedrawBroken trains without them'
    )
    #: Whether every class must have an image.
    HAS_ALL_CLASSES: ClassVar[bool] = False
    #: Other folder layouts in circulation: lists of (pattern, replacement) for the paths.
    #: The first layout in which the first file exists is taken.
    LAYOUTS: ClassVar[list[list[tuple[bytes, Any]]]] = []

    def __init__(
        self,
        ann_file: str,
        data_root: str = '',
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.num_classes = num_classes
        super().__init__(
            ann_file, data_root=data_root, **{**kwargs, 'serialize_data': False}
        )

    def read_rows(self) -> tuple[list[bytes], np.ndarray]:
        """Paths and labels (N,), in the order of the file."""
        try:
            with open(self.ann_file, 'rb') as file:
                # Without the byte order mark that some editors put at the beginning.
                lines = file.read().removeprefix(codecs.BOM_UTF8).splitlines()
        except OSError as error:
            raise ConfigError(
                f'{type(self).__name__}: the list {self.ann_file} cannot be read '
                f'({error.strerror}): put it there or set ann_file'
            ) from None
        while lines and not lines[-1].strip():
            lines.pop()
        paths, labels = [], np.empty(len(lines), dtype=np.int64)
        for number, line in enumerate(lines):
            try:
                path, label = line.rsplit(None, 1)
                labels[number] = int(label)
            except (ValueError, OverflowError):
                raise ConfigError(
                    f'{self.ann_file}, line {number + 1}: {os.fsdecode(line)!r} should be '
                    'a path and a label, separated by a space'
                ) from None
            paths.append(path)
        return paths, labels

    def load_data_list(self) -> ImageRecords:
        """Read the list and check it."""
        paths, labels = self.read_rows()
        if not paths:
            raise ConfigError(f'{self.ann_file} has no lines')
        num_classes = self.num_classes or int(labels.max()) + 1
        bad = np.flatnonzero((labels < 0) | (labels >= num_classes))
        if len(bad):
            raise ConfigError(
                f'{self.ann_file}, line {bad[0] + 1}: label {labels[bad[0]]} lies outside '
                f'0..{num_classes - 1}: '
                + (
                    'labels start at 0, and here at 1'
                    if labels.min() == 1
                    else 'is it the list of another data set?'
                )
            )
        present = np.unique(labels)
        if len(present) < num_classes and (
            self.HAS_ALL_CLASSES or self.num_classes is None
        ):
            gap = np.setdiff1d(np.arange(num_classes), present)[0]
            raise ConfigError(
                f'{self.ann_file} has no image of class {gap}, {len(present)} of '
                f'{num_classes} classes in all: '
                + (
                    'is it the list of another data set?'
                    if self.HAS_ALL_CLASSES
                    else 'labels start at 0; if that is right, set num_classes'
                )
            )
        if 'classes' not in self._metainfo:
            self._metainfo['classes'] = _class_names(paths, labels, num_classes)
        paths = self._find_layout(paths)
        return ImageRecords(
            self._image_root, np.array(paths), labels, np.arange(1, len(paths) + 1)
        )

    @property
    def _image_root(self) -> str:
        return self.data_prefix.get('img_path') or self.data_root

    def _find_layout(self, paths: list[bytes]) -> list[bytes]:
        for layout in [[], *self.LAYOUTS]:
            if os.path.exists(
                os.path.join(self._image_root, os.fsdecode(_rewrite(paths[0], layout)))
            ):
                return [_rewrite(path, layout) for path in paths] if layout else paths
        return paths

    def _get_unserialized_subset(self, indices: Any) -> ImageRecords:
        if isinstance(indices, (int, np.integer)):
            indices = slice(indices) if indices >= 0 else slice(indices, None)
        else:
            indices = np.asarray(
                indices, dtype=np.int64
            )  # a tuple means something else
        return self.data_list[indices]

    def get_gt_labels(self) -> np.ndarray:
        """Label of every image, int64, shape (len(self),)."""
        self.full_init()
        return self.data_list.labels

    def __getitem__(self, idx: int) -> dict:
        try:
            return super().__getitem__(idx)
        except READ_ERRORS as error:
            if can_be_read(self, idx):
                raise  # a mistake in the pipeline, not in the file
            info = self.get_data_info(idx)
            line = f', line {info["line"]} of {self.ann_file},' if self.ann_file else ''
            raise ConfigError(
                f'image {info["img_path"]}{line} cannot be read '
                f'({" ".join(str(error).split())}): {self.REMEDY}'
            ) from error


def _class_names(
    paths: list[bytes], labels: np.ndarray, num_classes: int
) -> tuple[str, ...]:
    """Names of the images' folders if they match the classes one to one."""
    folders = (path.rpartition(b'/')[0].rpartition(b'/')[2] for path in paths)
    pairs = set(zip(labels.tolist(), folders))
    names = dict(sorted(pairs))
    if len(pairs) == len(set(names.values())) == num_classes and all(names.values()):
        return tuple(name.decode(errors='replace') for name in names.values())
    return placeholders(num_classes)


def _rewrite(path: bytes, layout: list[tuple[bytes, Any]]) -> bytes:
    for pattern, replacement in layout:
        path = re.sub(pattern, replacement, path)
    return path

"""Compact storage for the paths and labels of many images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np


class ImageRecords(Sequence):
    """Paths and labels of many images in a few arrays.

    It acts as a list of dicts but creates them one at a time, so workers share the arrays
    instead of copying hundreds of thousands of objects.

    Args:
        root: Folder that the paths are relative to.
        paths: Bytes, shape (N,).
        labels: int64, shape (N,).
        lines: Line of the list (or entry of the file) of each image, counted from 1.

    Example:
        >>> import numpy as np
        >>> from mmlt_plugin.datasets.image_records import ImageRecords
        >>> records = ImageRecords('data', np.array([b'a.jpg']), np.array([3]), np.array([1]))
        >>> records[0]
        {'img_path': 'data/a.jpg', 'gt_label': 3, 'line': 1}
    """

    def __init__(
        self, root: str, paths: np.ndarray, labels: np.ndarray, lines: np.ndarray
    ) -> None:
        self.root = root
        self.paths = paths
        self.labels = labels
        self.lines = lines

    @classmethod
    def of_files(
        cls, root: str, files: Sequence[str], labels: Sequence[int]
    ) -> ImageRecords:
        """Records of files found below a folder rather than listed."""
        paths = [os.fsencode(os.path.relpath(file, root)) for file in files]
        return cls(
            root, np.array(paths), np.array(labels), np.arange(1, len(paths) + 1)
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, (int, np.integer)):
            return dict(
                img_path=os.path.join(self.root, os.fsdecode(self.paths[idx])),
                gt_label=int(self.labels[idx]),
                line=int(self.lines[idx]),
            )
        return ImageRecords(
            self.root, self.paths[idx], self.labels[idx], self.lines[idx]
        )

"""iNaturalist 2017 and 2018."""

from __future__ import annotations

import gc
import json
import os
from typing import Any, ClassVar

import numpy as np
from mmpretrain.registry import DATASETS

from ..checks import check_choice
from ..errors import ConfigError
from .benchmark_list import BenchmarkList


@DATASETS.register_module()
class INaturalist(BenchmarkList):
    """iNaturalist 2018 (8,142 classes) or 2017 (5,089 classes).

    Reads the official COCO-style ``train2018.json`` or the community's text lists
    (``iNaturalist18_train.txt``).

    Args:
        split: ``train`` or ``val``, the split that the papers report.
        data_root: Folder with ``train_val2018`` (``train_val_images`` for 2017).
        ann_file: The JSON file or text list; '' stands for the official JSON in ``data_root``
            or, if there is none, the text list.
        year: 2018 or 2017.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``.

    Raises:
        ConfigError: The year is unknown, or the JSON is no COCO-style annotation file or has an
            annotation of an unlisted category.

    Example:
        >>> from mmlt_plugin.datasets import INaturalist
        >>> INaturalist.YEARS[2018]['train'][1]
        437513
    """

    YEARS: ClassVar[dict[int, dict[str, tuple[str, int]]]] = {
        2017: {
            'train': ('train2017.json', 579_184),
            'val': ('val2017.json', 95_986),
        },
        2018: {
            'train': ('train2018.json', 437_513),
            'val': ('val2018.json', 24_426),
        },
    }
    CLASSES_OF_YEAR: ClassVar[dict[int, int]] = {2017: 5089, 2018: 8142}

    def __init__(
        self,
        split: str,
        data_root: str,
        ann_file: str = '',
        year: int = 2018,
        **kwargs: Any,
    ) -> None:
        check_choice('year of INaturalist', year, self.YEARS)
        self.NUM_CLASSES = self.CLASSES_OF_YEAR[year]  # type: ignore[misc]
        self.LISTS = self.YEARS[year]  # type: ignore[misc]
        text = f'iNaturalist{year % 100}_{split}.txt'
        if not ann_file and split in self.LISTS:
            official = os.path.join(data_root, self.LISTS[split][0])
            if os.path.exists(os.path.join(data_root, text)) > os.path.exists(official):
                ann_file = text
        super().__init__(split, data_root, ann_file, **kwargs)

    def read_rows(self) -> tuple[list[bytes], np.ndarray]:
        """Paths and labels of the JSON's annotations, or of the text list."""
        if not self.ann_file.endswith('.json') or not os.path.exists(self.ann_file):
            return super().read_rows()
        try:
            content = _load_json(self.ann_file)
            names = {image['id']: image['file_name'] for image in content['images']}
            rows = content['annotations']
            paths = [names[row['image_id']].encode() for row in rows]
            categories = np.array([row['category_id'] for row in rows])
            known = sorted(category['id'] for category in content['categories'])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f'{self.ann_file} is no COCO-style annotation file: {error!r}'
            ) from error
        by_id = {category['id']: category['name'] for category in content['categories']}
        self._metainfo.setdefault('classes', tuple(str(by_id[i]) for i in known))
        unknown = np.flatnonzero(~np.isin(categories, known))
        if len(unknown):
            raise ConfigError(
                f'{self.ann_file}: annotation {unknown[0] + 1} is of category '
                f'{categories[unknown[0]]}, which its list of categories lacks'
            )
        return paths, np.searchsorted(known, categories)


def _load_json(path: str) -> dict:
    """Read a large JSON file without garbage collections in between."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with open(path, 'rb') as file:
            return json.load(file)
    finally:
        if collects:
            gc.enable()

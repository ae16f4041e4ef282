"""Published data sets with their image lists."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from mmengine.logging import print_log

from ..checks import check_choice
from .image_list import ImageListDataset
from .image_records import ImageRecords


class BenchmarkList(ImageListDataset):
    r"""A published long-tailed data set of known size.

    Args:
        split: ``train``, ``val`` or ``test``, if there is a list for it.
        data_root: Folder of the images.
        ann_file: The list; '' stands for the published name in ``data_root``.
        **kwargs: Further arguments of :class:`ImageListDataset`.

    Raises:
        ConfigError: The split has no list, or a class has no image.

    Example:
        >>> from mmlt_plugin.datasets.benchmark_list import BenchmarkList
        >>> class Mine(BenchmarkList):
        ...     NUM_CLASSES = 2
        ...     LISTS = dict(train=('mine_train.txt', 2))
        >>> root = getfixture('tmp_path')
        >>> _ = (root / 'mine_train.txt').write_text('a/1.jpg 0\nb/1.jpg 1\n')
        >>> len(Mine('train', data_root=str(root)))
        2
    """

    HAS_ALL_CLASSES = True
    NUM_CLASSES: ClassVar[int]
    #: By split: the published name of the list, and its number of images.
    LISTS: ClassVar[dict[str, tuple[str, int]]]

    def __init__(
        self, split: str, data_root: str, ann_file: str = '', **kwargs: Any
    ) -> None:
        check_choice(f'split of {type(self).__name__}', split, self.LISTS)
        self.split = split
        name, _ = self.LISTS[split]
        super().__init__(ann_file or name, data_root, self.NUM_CLASSES, **kwargs)

    def load_data_list(self) -> ImageRecords:
        """Read the list; warn if its size is not the published one."""
        records = super().load_data_list()
        _, size = self.LISTS[self.split]
        if len(records) != size:
            print_log(
                f'{self.ann_file} has {len(records)} images, the published '
                f'{type(self).__name__} {self.split} split has {size}',
                'current',
                level=logging.WARNING,
            )
        return records

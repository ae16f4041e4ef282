"""scikit-learn's handwritten digits as a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from ..checks import check_choice
from ..errors import ConfigError

TEST_IMAGES_PER_CLASS = 50


@DATASETS.register_module()
class Digits(BaseDataset):
    """The 1,797 handwritten digits of scikit-learn: grey, 8 x 8 pixels, 10 classes.

    Small enough for demonstrations and tests. The last 50 images of every class, in file
    order, are the test split; the other 1,297 are the training split.

    Args:
        split: ``train`` or ``test``.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``, ``pipeline`` above all.

    Raises:
        ConfigError: ``split`` is unknown, or scikit-learn is not installed.

    Example:
        >>> from mmlt_plugin.datasets import Digits
        >>> Digits(split='test')[0]['img'].shape
        (8, 8, 3)
    """

    METAINFO = {'classes': tuple('0123456789')}

    def __init__(self, split: str, **kwargs: Any) -> None:
        check_choice('split of Digits', split, ('train', 'test'))
        self.split = split
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> list[dict]:
        """Images (8, 8, 3), uint8 in 0..255, and labels 0..9."""
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError:
            raise ConfigError(
                'the dataset Digits reads its images from scikit-learn, which is not '
                'installed: pip install scikit-learn'
            ) from None
        digits = load_digits()
        # The file holds 17 grey levels, 0..16.
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)
        images = np.repeat(images[..., None], 3, axis=-1)
        is_test = np.zeros(len(images), dtype=bool)
        for label in range(10):
            is_test[np.flatnonzero(digits.target == label)[-TEST_IMAGES_PER_CLASS:]] = 1
        wanted = np.flatnonzero(is_test == (self.split == 'test'))
        return [dict(img=images[i], gt_label=int(digits.target[i])) for i in wanted]

"""ImageNet-LT and Places-LT."""

import re

from mmpretrain.datasets.categories import IMAGENET_CATEGORIES
from mmpretrain.registry import DATASETS

from .benchmark_list import BenchmarkList


def _nested(found: re.Match[bytes]) -> bytes:
    letter, rest = found.groups()
    return b'data_256/%s/%s%s/' % (letter, letter, rest.replace(b'-', b'/'))


def _flat(found: re.Match[bytes]) -> bytes:
    return b'train/%s/' % found[1].replace(b'/', b'-')


@DATASETS.register_module()
class ImageNetLT(BenchmarkList):
    """ImageNet-LT (Liu et al., CVPR 2019): 1,000 classes, 1,280 to 5 training images.

    Needs the community's ``ImageNet_LT_{train,val,test}.txt`` and ImageNet's ``train``
    and ``val`` folders; ``val`` may be flat or in class folders.

    Args:
        split: ``train`` (115,846 images), ``val`` (20 a class) or ``test`` (50 a class,
            ImageNet's validation images, the split that the papers report).
        data_root: Folder with ``train`` and ``val``.
        ann_file: The list; '' is the published name, in ``data_root``.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``.

    Example:
        >>> from mmlt_plugin.datasets import ImageNetLT
        >>> ImageNetLT.NUM_CLASSES, ImageNetLT.LISTS['train'][1]
        (1000, 115846)
    """

    NUM_CLASSES = 1000
    METAINFO = {'classes': IMAGENET_CATEGORIES}
    LISTS = {
        'train': ('ImageNet_LT_train.txt', 115_846),
        'val': ('ImageNet_LT_val.txt', 20_000),
        'test': ('ImageNet_LT_test.txt', 50_000),
    }
    LAYOUTS = [[(rb'^val/n\d+/', b'val/')]]


@DATASETS.register_module()
class PlacesLT(BenchmarkList):
    """Places-LT (Liu et al., CVPR 2019): 365 classes, 4,980 to 5 training images.

    Needs the community's ``Places_LT_{train,val,test}.txt`` and Places365-Standard, in
    class folders (``train/airfield/...``) or as it is distributed
    (``data_256/a/airfield/...``, ``val_256/...``).

    Args:
        split: ``train`` (62,500 images), ``val`` (20 a class) or ``test`` (100 a class).
        data_root: Folder of the images.
        ann_file: The list; '' is the published name, in ``data_root``.
        **kwargs: Arguments of mmpretrain's ``BaseDataset``.

    Example:
        >>> from mmlt_plugin.datasets import PlacesLT
        >>> PlacesLT.NUM_CLASSES, PlacesLT.LISTS['train'][1]
        (365, 62500)
    """

    NUM_CLASSES = 365
    LISTS = {
        'train': ('Places_LT_train.txt', 62_500),
        'val': ('Places_LT_val.txt', 7_300),
        'test': ('Places_LT_test.txt', 36_500),
    }
    # The lists write Places365's nested class folders with a hyphen.
    LAYOUTS = [
        [(rb'^train/(\w)([^/]*)/', _nested), (rb'^val/.*/', b'val_256/')],
        [(rb'^data_256/\w/(.*)/', _flat), (rb'^val_256/', b'val/')],
    ]

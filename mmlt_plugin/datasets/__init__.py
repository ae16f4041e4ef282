"""Datasets, the wrappers that make them long-tailed, and samplers."""

from .digits import Digits
from .image_folder import ImageFolderDataset
from .image_list import ImageListDataset
from .imagenet_lt import ImageNetLT, PlacesLT
from .in_memory import InMemoryDataset
from .inaturalist import INaturalist
from .long_tailed import LongTailedDataset
from .profiles import held_out_indices, long_tailed_counts, long_tailed_indices
from .redraw_broken import RedrawBroken
from .samplers import (
    BilateralBatchSampler,
    ClassBalancedSampler,
    ClassPowerSampler,
    DeferredSampler,
    EpisodeBatchSampler,
    ReversedSampler,
    ShotSplitSampler,
)
from .unlabelled_images import UnlabelledImages

__all__ = [
    'BilateralBatchSampler',
    'ClassBalancedSampler',
    'ClassPowerSampler',
    'DeferredSampler',
    'Digits',
    'EpisodeBatchSampler',
    'INaturalist',
    'ImageFolderDataset',
    'ImageListDataset',
    'ImageNetLT',
    'InMemoryDataset',
    'LongTailedDataset',
    'PlacesLT',
    'RedrawBroken',
    'ReversedSampler',
    'ShotSplitSampler',
    'UnlabelledImages',
    'held_out_indices',
    'long_tailed_counts',
    'long_tailed_indices',
]

"""Datasets and the wrappers that make them long-tailed."""

from .digits import Digits
from .long_tailed import LongTailedDataset
from .profiles import long_tailed_counts, long_tailed_indices

__all__ = ['Digits', 'LongTailedDataset', 'long_tailed_counts', 'long_tailed_indices']

"""Samplers that re-balance classes."""

from .bilateral_batch_sampler import BilateralBatchSampler
from .class_power_sampler import (
    ClassBalancedSampler,
    ClassPowerSampler,
    ReversedSampler,
)
from .deferred_sampler import DeferredSampler
from .episode_batch_sampler import EpisodeBatchSampler
from .shot_split_sampler import ShotSplitSampler

__all__ = [
    'BilateralBatchSampler',
    'ClassBalancedSampler',
    'ClassPowerSampler',
    'DeferredSampler',
    'EpisodeBatchSampler',
    'ReversedSampler',
    'ShotSplitSampler',
]

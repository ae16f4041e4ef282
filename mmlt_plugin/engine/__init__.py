"""What runs beside the model."""

from .hooks import (
    AllocatorHook,
    ChannelsLastHook,
    CheckpointMatchHook,
    ClassCountsHook,
    ClassMeansHook,
    CumulativeAlphaHook,
    DeferredRecipeHook,
    ProvenanceHook,
    SecondStageHook,
)
from .optimizers import AutocastOptimWrapper, TrainableOnlyConstructor

__all__ = [
    'AllocatorHook',
    'AutocastOptimWrapper',
    'ChannelsLastHook',
    'CheckpointMatchHook',
    'ClassCountsHook',
    'ClassMeansHook',
    'CumulativeAlphaHook',
    'DeferredRecipeHook',
    'ProvenanceHook',
    'SecondStageHook',
    'TrainableOnlyConstructor',
]

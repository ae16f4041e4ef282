"""What runs beside the model."""

from .hooks import (
    AllocatorHook,
    AtomicCheckpointHook,
    ChannelsLastHook,
    CheckpointMatchHook,
    ClassCountsHook,
    ClassMeansHook,
    CumulativeAlphaHook,
    DeferredRecipeHook,
    ExactResumeHook,
    FiniteLossHook,
    ProvenanceHook,
    SecondStageHook,
    WorkDirLockHook,
)
from .optimizers import AutocastOptimWrapper, TrainableOnlyConstructor

__all__ = [
    'AllocatorHook',
    'AtomicCheckpointHook',
    'AutocastOptimWrapper',
    'ChannelsLastHook',
    'CheckpointMatchHook',
    'ClassCountsHook',
    'ClassMeansHook',
    'CumulativeAlphaHook',
    'DeferredRecipeHook',
    'ExactResumeHook',
    'FiniteLossHook',
    'ProvenanceHook',
    'SecondStageHook',
    'TrainableOnlyConstructor',
    'WorkDirLockHook',
]

"""Hooks, loops and optimizer wrappers."""

from .hooks import (
    AllocatorHook,
    AtomicCheckpointHook,
    ChannelsLastHook,
    CheckpointMatchHook,
    ClassCountsHook,
    ClassMeansHook,
    CompileHook,
    CumulativeAlphaHook,
    DeferredRecipeHook,
    ExactResumeHook,
    FiniteLossHook,
    LazyRuntimeInfoHook,
    MatmulPrecisionHook,
    ProvenanceHook,
    SecondStageHook,
    WorkDirLockHook,
)
from .loops import BulkTestLoop, BulkValLoop
from .optimizers import AutocastOptimWrapper

__all__ = [
    'AllocatorHook',
    'AtomicCheckpointHook',
    'AutocastOptimWrapper',
    'BulkTestLoop',
    'BulkValLoop',
    'ChannelsLastHook',
    'CheckpointMatchHook',
    'ClassCountsHook',
    'ClassMeansHook',
    'CompileHook',
    'CumulativeAlphaHook',
    'DeferredRecipeHook',
    'ExactResumeHook',
    'FiniteLossHook',
    'LazyRuntimeInfoHook',
    'MatmulPrecisionHook',
    'ProvenanceHook',
    'SecondStageHook',
    'WorkDirLockHook',
]

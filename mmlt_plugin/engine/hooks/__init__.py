"""Hooks of mmengine's Runner."""

from .allocator_hook import AllocatorHook
from .channels_last_hook import ChannelsLastHook
from .checkpoint_match_hook import CheckpointMatchHook
from .class_counts_hook import ClassCountsHook
from .class_means_hook import ClassMeansHook
from .cumulative_alpha_hook import CumulativeAlphaHook
from .deferred_recipe_hook import DeferredRecipeHook
from .provenance_hook import ProvenanceHook
from .second_stage_hook import SecondStageHook

__all__ = [
    'AllocatorHook',
    'ChannelsLastHook',
    'CheckpointMatchHook',
    'ClassCountsHook',
    'ClassMeansHook',
    'CumulativeAlphaHook',
    'DeferredRecipeHook',
    'ProvenanceHook',
    'SecondStageHook',
]

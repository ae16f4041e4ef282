"""Hooks of mmengine's Runner."""

from .checkpoint_match_hook import CheckpointMatchHook
from .class_counts_hook import ClassCountsHook
from .cumulative_alpha_hook import CumulativeAlphaHook

__all__ = ['CheckpointMatchHook', 'ClassCountsHook', 'CumulativeAlphaHook']

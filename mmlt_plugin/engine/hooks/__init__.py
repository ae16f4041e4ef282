"""Hooks of mmengine's Runner."""

from .checkpoint_match_hook import CheckpointMatchHook
from .class_counts_hook import ClassCountsHook

__all__ = ['CheckpointMatchHook', 'ClassCountsHook']

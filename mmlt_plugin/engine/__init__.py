"""What runs beside the model."""

from .hooks import CheckpointMatchHook, ClassCountsHook, CumulativeAlphaHook

__all__ = ['CheckpointMatchHook', 'ClassCountsHook', 'CumulativeAlphaHook']

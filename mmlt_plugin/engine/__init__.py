"""What runs beside the model."""

from .hooks import CheckpointMatchHook, ClassCountsHook

__all__ = ['CheckpointMatchHook', 'ClassCountsHook']

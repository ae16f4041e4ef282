"""How a dataset is evaluated."""

from .bulk_loops import BulkTestLoop, BulkValLoop

__all__ = ['BulkTestLoop', 'BulkValLoop']

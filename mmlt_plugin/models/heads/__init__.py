"""Classification heads."""

from .bbn_head import BBNHead
from .reslt_head import ResLTHead
from .targets import stack_targets

__all__ = ['BBNHead', 'ResLTHead', 'stack_targets']

"""Classification heads."""

from .reslt_head import ResLTHead
from .targets import stack_targets

__all__ = ['ResLTHead', 'stack_targets']

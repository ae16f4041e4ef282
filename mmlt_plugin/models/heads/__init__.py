"""Classification heads."""

from .bbn_head import BBNHead
from .cosine_head import CosineClsHead
from .reslt_head import ResLTHead
from .targets import stack_targets

__all__ = ['BBNHead', 'CosineClsHead', 'ResLTHead', 'stack_targets']

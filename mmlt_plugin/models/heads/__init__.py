"""Classification heads."""

from .bbn_head import BBNHead
from .cosine_head import CosineClsHead
from .lws_head import LWSHead
from .ncm_head import NCMHead
from .reslt_head import ResLTHead
from .targets import stack_targets
from .tau_norm_head import TauNormHead
from .tde_head import TDEHead

__all__ = [
    'BBNHead',
    'CosineClsHead',
    'LWSHead',
    'NCMHead',
    'ResLTHead',
    'TDEHead',
    'TauNormHead',
    'stack_targets',
]

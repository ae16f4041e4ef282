"""Small parts that heads, necks and backbones are built from."""

from .branch_conv import BranchConv
from .branch_norm import BranchNorm
from .pooling import global_pool
from .tau_normalize import tau_normalize
from .zero_pad_shortcut import ZeroPadShortcut

__all__ = [
    'BranchConv',
    'BranchNorm',
    'ZeroPadShortcut',
    'global_pool',
    'tau_normalize',
]

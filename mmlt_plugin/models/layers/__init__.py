"""Small parts that heads, necks and backbones are built from."""

from .bilateral_norm import BilateralBN, BilateralSyncBN, split_halves
from .branch_conv import BranchConv
from .branch_norm import BranchNorm
from .cosines import cosines
from .tau_normalize import tau_normalize
from .weight_generator import WeightGenerator
from .zero_pad_shortcut import ZeroPadShortcut

__all__ = [
    'BilateralBN',
    'BilateralSyncBN',
    'BranchConv',
    'BranchNorm',
    'WeightGenerator',
    'ZeroPadShortcut',
    'cosines',
    'split_halves',
    'tau_normalize',
]

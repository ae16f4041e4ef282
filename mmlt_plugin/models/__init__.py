"""Backbones, necks, heads, losses and the layers they share."""

from .backbones import CIFARResNet, ResNet10, bilateral_trunk
from .heads import BBNHead, CosineClsHead, ResLTHead
from .losses import (
    BalancedSoftmaxLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    ResLTLoss,
    ReweightedLoss,
)
from .necks import BilateralNeck

__all__ = [
    'BBNHead',
    'BalancedSoftmaxLoss',
    'BilateralNeck',
    'CIFARResNet',
    'CosineClsHead',
    'LDAMLoss',
    'LogitAdjustedLoss',
    'ResLTHead',
    'ResLTLoss',
    'ResNet10',
    'ReweightedLoss',
    'bilateral_trunk',
]

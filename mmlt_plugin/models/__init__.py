"""Backbones, necks, heads, losses and the layers they share."""

from .backbones import CIFARResNet, ResNet10, bilateral_trunk
from .heads import BBNHead, ResLTHead
from .losses import ResLTLoss
from .necks import BilateralNeck

__all__ = [
    'BBNHead',
    'BilateralNeck',
    'CIFARResNet',
    'ResLTHead',
    'ResLTLoss',
    'ResNet10',
    'bilateral_trunk',
]

"""Backbones, heads, losses and the layers they share."""

from .backbones import CIFARResNet
from .heads import ResLTHead
from .losses import ResLTLoss

__all__ = ['CIFARResNet', 'ResLTHead', 'ResLTLoss']

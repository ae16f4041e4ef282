"""Backbones that mmpretrain lacks."""

from .bilateral_trunk import bilateral_trunk
from .cifar_resnet import CIFARResNet

__all__ = ['CIFARResNet', 'bilateral_trunk']

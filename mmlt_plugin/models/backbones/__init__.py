"""Backbones that mmpretrain lacks."""

from .bilateral_trunk import bilateral_trunk
from .cifar_resnet import CIFARResNet
from .multi_expert_trunk import multi_expert_trunk
from .resnet10 import ResNet10

__all__ = ['CIFARResNet', 'ResNet10', 'bilateral_trunk', 'multi_expert_trunk']

"""Backbones, necks, heads, classifiers, preprocessors, losses and the layers they share."""

from .backbones import CIFARResNet, ResNet10, bilateral_trunk
from .classifiers import DecoupledClassifier, ManifoldMixupClassifier
from .heads import (
    BBNHead,
    CosineClsHead,
    LWSHead,
    NCMHead,
    ResLTHead,
    TauNormHead,
)
from .losses import (
    BalancedSoftmaxLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    ResLTLoss,
    ReweightedLoss,
)
from .necks import BilateralNeck
from .preprocessors import BatchAugmentPreprocessor

__all__ = [
    'BBNHead',
    'BalancedSoftmaxLoss',
    'BatchAugmentPreprocessor',
    'BilateralNeck',
    'CIFARResNet',
    'CosineClsHead',
    'DecoupledClassifier',
    'LDAMLoss',
    'LWSHead',
    'LogitAdjustedLoss',
    'ManifoldMixupClassifier',
    'NCMHead',
    'ResLTHead',
    'ResLTLoss',
    'ResNet10',
    'ReweightedLoss',
    'TauNormHead',
    'bilateral_trunk',
]

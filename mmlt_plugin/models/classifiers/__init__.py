"""Image classifiers that train in another way than mmpretrain's."""

from .decoupled import DecoupledClassifier
from .lfme import LFMEClassifier
from .manifold_mixup import ManifoldMixupClassifier

__all__ = [
    'DecoupledClassifier',
    'LFMEClassifier',
    'ManifoldMixupClassifier',
]

"""Losses, one a file."""

from .class_count_loss import ClassCountLoss
from .class_weights import class_weights
from .equalization_loss import SoftmaxEqualizationLoss
from .ldam_loss import LDAMLoss
from .logit_adjusted_loss import BalancedSoftmaxLoss, LogitAdjustedLoss
from .matching import check_match
from .reslt_loss import ResLTLoss
from .reweighted_loss import ReweightedLoss

__all__ = [
    'BalancedSoftmaxLoss',
    'ClassCountLoss',
    'LDAMLoss',
    'LogitAdjustedLoss',
    'ResLTLoss',
    'ReweightedLoss',
    'SoftmaxEqualizationLoss',
    'check_match',
    'class_weights',
]

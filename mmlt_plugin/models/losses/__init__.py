"""Losses, one a file."""

from .class_count_loss import ClassCountLoss
from .class_weights import class_weights
from .disc_centroids_loss import DiscCentroidsLoss
from .equalization_loss import SoftmaxEqualizationLoss
from .ldam_loss import LDAMLoss
from .lifted_structured_loss import LiftedStructuredLoss
from .logit_adjusted_loss import BalancedSoftmaxLoss, LogitAdjustedLoss
from .matching import check_logits_suffice, check_match, scale_of
from .range_loss import RangeLoss
from .reslt_loss import ResLTLoss
from .reweighted_loss import ReweightedLoss
from .ride_loss import RIDELoss

__all__ = [
    'BalancedSoftmaxLoss',
    'ClassCountLoss',
    'DiscCentroidsLoss',
    'LDAMLoss',
    'LiftedStructuredLoss',
    'LogitAdjustedLoss',
    'RIDELoss',
    'RangeLoss',
    'ResLTLoss',
    'ReweightedLoss',
    'SoftmaxEqualizationLoss',
    'check_logits_suffice',
    'check_match',
    'class_weights',
    'scale_of',
]

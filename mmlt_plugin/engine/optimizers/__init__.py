"""How gradients are taken and applied."""

from .autocast_optim_wrapper import AutocastOptimWrapper
from .trainable_only_constructor import TrainableOnlyConstructor

__all__ = ['AutocastOptimWrapper', 'TrainableOnlyConstructor']

"""Necks."""

from .backbone_parts import check_neck
from .bilateral_neck import BilateralNeck
from .modulated_attention_neck import ModulatedAttentionNeck
from .multi_expert_neck import MultiExpertNeck

__all__ = ['BilateralNeck', 'ModulatedAttentionNeck', 'MultiExpertNeck', 'check_neck']

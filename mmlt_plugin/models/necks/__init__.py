"""Necks."""

from .bilateral_neck import BilateralNeck
from .modulated_attention_neck import ModulatedAttentionNeck

__all__ = ['BilateralNeck', 'ModulatedAttentionNeck']

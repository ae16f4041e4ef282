"""Necks."""

from .bilateral_neck import BilateralNeck

__all__ = ['BilateralNeck']

"""Metrics."""

from .shot_split_metric import ShotSplitMetric

__all__ = ['ShotSplitMetric']

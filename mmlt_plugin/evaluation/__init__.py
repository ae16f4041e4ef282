"""Metrics."""

from .prediction_table import PredictionTable
from .shot_split_metric import ShotSplitMetric

__all__ = ['PredictionTable', 'ShotSplitMetric']

"""Reads head settings and shot thresholds from a config."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from ..settings import name_of_type


def classifier_settings(cfg: Config) -> dict:
    """Settings of the head with the classifier; with several experts that of an expert.

    Args:
        cfg: Any config.

    Returns:
        dict: ``model.head``, or the innermost head within it; empty without a head.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.config_reading import classifier_settings
        >>> head = dict(type='MultiExpertHead', head=dict(type='ResLTHead', groups=3))
        >>> classifier_settings(Config(dict(model=dict(head=head))))['groups']
        3
    """
    head: Any = cfg.model.get('head') or {}
    while isinstance(head.get('head'), dict):
        head = head['head']
    return head


def shot_thresholds(evaluators: Any) -> tuple[int, int]:
    """Thresholds ``many`` and ``few`` of the first :class:`ShotSplitMetric`.

    Args:
        evaluators: A config's ``test_evaluator`` or ``val_evaluator``: settings of one
            metric, a list of them, or None.

    Returns:
        tuple: Both thresholds, in training images; 100 and 20 by default.

    Example:
        >>> from mmlt_plugin.scripts.config_reading import shot_thresholds
        >>> shot_thresholds([dict(type='Accuracy'), dict(type='ShotSplitMetric', few=10)])
        (100, 10)
    """
    listed = evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]
    for settings in filter(None, listed):
        if name_of_type(settings) == 'ShotSplitMetric':
            return settings.get('many', 100), settings.get('few', 20)
    return 100, 20

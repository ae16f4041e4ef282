"""Defaults that configs rely on are those of the papers' released code."""

import inspect

import pytest

from mmlt_plugin import datasets, engine, models

DEFAULTS = [
    (datasets.LongTailedDataset, dict(imbalance_factor=0.01, profile='exp', seed=0)),
    (datasets.long_tailed_counts, dict(profile='exp', pareto_power=6.0)),
    (datasets.long_tailed_indices, dict(seed=0)),
    (datasets.held_out_indices, dict(seed=0)),
    (datasets.BilateralBatchSampler, dict(drop_last=False, other=None)),
    (datasets.ClassPowerSampler, dict(images_per_class=1, min_images=0, seed=None)),
    (datasets.EpisodeBatchSampler, dict(novel=1, images_per_class=6, min_images=20)),
    (models.RIDELoss, dict(diversity=0.2, temperature=1.0, imbalance=0.0)),
    (models.MultiExpertNeck, dict(experts=3)),
    (models.MultiExpertHead, dict(experts=3)),
    (models.LogitAdjustedLoss, dict(tau=1.0)),
    (models.LogitAdjustedHead, dict(tau=1.0)),
    (models.EarlyExitHead, dict(confidence=0.9)),
    (models.SoftmaxEqualizationLoss, dict(gamma=0.9)),
    (models.FeatureLossHead, dict(feature_weight=0.01)),
    (models.RangeLoss, dict(k=2, margin=5.0, alpha=1.0, beta=1.0)),
    (models.LiftedStructuredLoss, dict(margin=5.0)),
    (models.DiscCentroidsLoss, dict(margin=10.0, repel=0.01, weight=0.01)),
    (models.OLTRHead, dict(scale=16.0, reach=10.0)),
    (models.ModulatedAttentionNeck, dict(feature_size=7, reduction=2)),
    (models.FSLwFHead, dict(few=20, exemplars=5, scale=10.0, sharpness=10.0)),
    (engine.SelfPacedExpertsHook, dict(threshold=0.3, interval=1)),
]


@pytest.mark.parametrize(
    ('component', 'expected'),
    DEFAULTS,
    ids=lambda value: getattr(value, '__name__', ''),
)
def test_defaults(component, expected):
    parameters = inspect.signature(component).parameters
    assert {name: parameters[name].default for name in expected} == expected

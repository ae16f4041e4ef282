"""Every numeric argument is refused right outside its range, and accepted at its bounds."""

import inspect
import math

import mmpretrain.registry
import numpy as np
import pytest
from mmengine.dataset import DefaultSampler
from mmengine.registry import Registry

from mmlt_plugin import datasets, engine, evaluation, models
from mmlt_plugin.errors import ConfigError

DIGITS = datasets.Digits(split='train')
UNIFORM = DefaultSampler(DIGITS, seed=0)
NET = dict(type='CIFARResNet', depth=8)
LINEAR = dict(type='LinearClsHead', num_classes=6, in_channels=8)
HEAD = dict(num_classes=6, in_channels=8)
POWER = dict(dataset=DIGITS, power=0)
LONG_TAILED = dict(dataset=DIGITS, imbalance_factor=0.1)
EPISODES = dict(sampler=UNIFORM, batch_size=40)
NECK = dict(in_channels=8, out_channels=4)
# Component, other arguments, and intervals; 'Z' before one is for integers only.
RANGES = [
    (
        datasets.LongTailedDataset, LONG_TAILED,
        dict(imbalance_factor='(0, 1]', pareto_power='(0, inf)', holdout='Z[0, inf)'),
    ),
    (datasets.RedrawBroken, dict(dataset=DIGITS), dict(max_share='[0, 1]')),
    (
        datasets.ClassPowerSampler, POWER,
        dict(
            power='(-inf, inf)', seed='Z[0, inf)', epoch_size='Z[1, inf)',
            images_per_class='Z[1, inf)', min_images='[0, inf)',
        ),
    ),
    (datasets.BilateralBatchSampler, dict(sampler=UNIFORM), dict(batch_size='Z[1, inf)')),
    (datasets.DeferredSampler, dict(dataset=DIGITS), dict(action_epoch='Z[1, inf)')),
    (
        datasets.EpisodeBatchSampler, EPISODES,
        dict(novel='Z[1, inf)', images_per_class='Z[1, inf)', min_images='[6, inf)'),
    ),
    (
        datasets.EpisodeBatchSampler, dict(EPISODES, novel=2, images_per_class=3),
        dict(batch_size='Z[7, inf)'),
    ),
    (
        engine.CumulativeAlphaHook, {},
        dict(value='[0, 1]', divisor='(0, inf)'),
    ),
    (
        engine.SelfPacedExpertsHook, dict(checkpoints=[]),
        dict(threshold='[0, 1)', interval='Z[1, inf)'),
    ),
    (evaluation.ShotSplitMetric, {}, dict(few='[0, inf)', many='[0, inf)')),
    (evaluation.PredictionTable, dict(out_file='x.csv'), dict(top='Z[1, inf)')),
    (models.CIFARResNet, {}, dict(depth='Z[8, inf)', width='Z[1, inf)')),
    (models.multi_expert_trunk, dict(backbone=NET), dict(stages='Z[1, inf)')),
    (
        models.LFMEClassifier, dict(backbone=NET, head=LINEAR),
        dict(temperature='(0, inf)'),
    ),
    (models.ManifoldMixupClassifier, dict(backbone=NET), dict(beta='(0, inf)')),
    (
        models.BBNHead, HEAD,
        dict(num_classes='Z[1, inf)', in_channels='Z[2, inf)'),
    ),
    (models.CosineClsHead, HEAD, dict(scale='(0, inf)')),
    (
        models.EarlyExitHead, dict(head=LINEAR, in_channels=[4, 8]),
        dict(confidence='(0, 1]'),
    ),
    (
        models.FeatureLossHead, dict(HEAD, feature_loss=dict(type='RangeLoss')),
        dict(feature_weight='[0, inf)'),
    ),
    (
        models.FSLwFHead, HEAD,
        dict(
            few='[1, inf)', novel='Z[0, inf)', exemplars='Z[1, inf)', scale='(0, inf)',
            sharpness='(0, inf)',
        ),
    ),
    (models.LogitAdjustedHead, HEAD, dict(tau='[0, inf)')),
    (models.MultiExpertHead, dict(head=LINEAR), dict(experts='Z[1, inf)')),
    (models.OLTRHead, HEAD, dict(scale='(0, inf)', reach='(0, inf)')),
    (
        models.ResLTHead, HEAD,
        dict(
            num_classes='Z[1, inf)', in_channels='Z[1, inf)', groups='Z[2, 6]',
            tau='[0, inf)',
        ),
    ),
    (
        models.ShotSplitHead, dict(HEAD, split='few'),
        dict(few='[0, inf)', many='[0, inf)'),
    ),
    (models.TauNormHead, HEAD, dict(tau='[0, inf)')),
    (
        models.TDEHead, HEAD,
        dict(
            num_heads='Z[1, inf)', tau='(0, inf)', gamma='[0, inf)', alpha='[0, inf)',
            momentum='[0, 1)',
        ),
    ),
    (
        models.DiscCentroidsLoss, HEAD,
        dict(margin='(0, inf)', repel='[0, inf)', weight='[0, inf)'),
    ),
    (
        models.SoftmaxEqualizationLoss, dict(threshold=0.1),
        dict(threshold='[0, 1]', gamma='[0, 1]'),
    ),
    (models.LDAMLoss, {}, dict(max_margin='(0, 1]', scale='(0, inf)')),
    (models.LiftedStructuredLoss, {}, dict(margin='(0, inf)')),
    (models.LogitAdjustedLoss, {}, dict(tau='[0, inf)')),
    (
        models.RangeLoss, {},
        dict(k='Z[1, inf)', margin='(0, inf)', alpha='[0, inf)', beta='[0, inf)'),
    ),
    (
        models.ResLTLoss, {},
        dict(
            alpha='[0, 1]', branch_eps='[0, inf)', fusion_eps='[0, inf)',
            loss_weight='[0, inf)',
        ),
    ),
    (
        models.ReweightedLoss, dict(scheme='effective'),
        dict(gamma='[0, inf)', beta='[0, 1)'),
    ),
    (
        models.RIDELoss, dict(loss=dict(type='CrossEntropyLoss')),
        dict(
            diversity='[0, inf)', temperature='(0, inf)', imbalance='[0, 1)',
            loss_weight='[0, inf)',
        ),
    ),
    (models.ModulatedAttentionNeck, NECK, dict(reduction='Z[1, 8]')),
    (
        models.MultiExpertNeck, dict(backbone=NET),
        dict(experts='Z[1, inf)', width='(0, 1]', stages='Z[1, inf)'),
    ),
    (
        models.BatchAugmentPreprocessor, {},
        dict(crop_padding='Z[0, inf)', flip_prob='[0, 1]'),
    ),
]  # fmt: skip
#: Arguments whose messages leave the component out: several components have them checked.
SHARED = {
    (datasets.LongTailedDataset, 'imbalance_factor'),
    (datasets.LongTailedDataset, 'pareto_power'),
    (datasets.BilateralBatchSampler, 'batch_size'),
    (evaluation.ShotSplitMetric, 'few'),
    (evaluation.ShotSplitMetric, 'many'),
    (models.ShotSplitHead, 'few'),
    (models.ShotSplitHead, 'many'),
    (models.ReweightedLoss, 'beta'),
}
CASES = [
    pytest.param(component, base, name, interval, id=f'{component.__name__}-{name}')
    for component, base, ranges in RANGES
    for name, interval in ranges.items()
]


def values(interval):
    """The last numbers that an interval has, and the first ones that it lacks."""
    integer, interval = interval.startswith('Z'), interval.removeprefix('Z')
    low, high = (float(bound) for bound in interval[1:-1].split(','))
    inside, outside = [], [math.nan, 'many', True]
    for bound, closed, away in (
        (low, interval[0] == '[', -math.inf), (high, interval[-1] == ']', math.inf)
    ):  # fmt: skip
        if math.isinf(bound):
            outside.append(bound)
        elif integer:
            inside.append(int(bound))
            outside += [int(bound + math.copysign(1, away)), bound]
        elif closed:
            inside.append(bound)
            outside.append(float(np.nextafter(bound, away)))
        else:
            inside.append(float(np.nextafter(bound, -away)))
            outside.append(bound)
    return inside, outside


def meaning(interval):
    """An interval as messages tell it."""
    if not interval.startswith('Z'):
        return f'a number in {interval}'
    low, _, high = interval[2:-1].partition(', ')
    return (
        f'an integer of {low} or more'
        if high == 'inf'
        else f'an integer in {interval[1:]}'
    )


def message(component, arguments):
    """What a component says about its arguments; nothing if it takes them."""
    try:
        component(**arguments)
    except ConfigError as error:
        return str(error)
    return ''


@pytest.mark.parametrize(('component', 'base', 'name', 'interval'), CASES)
def test_range(component, base, name, interval):
    inside, outside = values(interval)
    registered = component.__name__.replace('multi_expert_trunk', 'MultiExpertTrunk')
    owner = '' if (component, name) in SHARED else f' of {registered}'
    for value in outside:
        said = message(component, {**base, name: value})
        assert said.startswith(f'{name}={value!r}{owner} must be {meaning(interval)}')
    for value in inside:  # which another reason may speak against, such as a divisor
        said = message(component, {**base, name: value})
        assert 'must be a' not in said or not said.startswith(f'{name}={value!r}')


def test_all_ranges_are_here():
    here = {component for component, *_ in RANGES}
    inherited = {datasets.ClassBalancedSampler, datasets.ReversedSampler}
    inherited |= {models.BalancedSoftmaxLoss}
    ours = {
        part
        for registry in vars(mmpretrain.registry).values()
        if isinstance(registry, Registry)
        for part in registry.module_dict.values()
        if part.__module__.startswith('mmlt_plugin.')
    }
    checked = {
        part for part in ours - inherited if 'check_number(' in inspect.getsource(part)
    }
    assert {part.__name__ for part in checked - here} == set()

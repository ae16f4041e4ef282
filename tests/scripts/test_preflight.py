"""Mistakes found before a training starts, and warnings of a resumed one."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import ConstantLR, LinearLR, MultiStepLR, OptimWrapper
from mmengine.registry import Registry
from torch.optim import SGD

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.explain import explain
from mmlt_plugin.scripts.preflight import (
    check_deferred_sampling,
    counted_in_epochs,
    unfinished_schedules,
    unused_pipelines,
)
from mmlt_plugin.settings import changes, flatten
from tests.conftest import ROOT
from tests.engine.runs import make_runner


@pytest.mark.parametrize(
    ('scheduler', 'last'),
    [
        (dict(type='MultiStepLR', milestones=[3, 8]), 8),
        (dict(type='CosineAnnealingLR', T_max=96, begin=4, end=100), 100),
        (dict(type='CosineAnnealingLR', T_max=9, by_epoch=True), 9),
        (dict(type='LinearLR', begin=0, end=6), 6),
        (dict(type='LinearLR', end=600, by_epoch=False), None),
        (dict(type='MultiStepLR', milestones=[3, 5]), None),
        (dict(type='ExponentialLR', gamma=0.9), None),
        (dict(type='LinearLR', end=int(1e9)), None),
        (dict(type='LinearMomentum', end=8), None),
    ],
)
def test_schedules_longer_than_the_training(scheduler, last):
    cfg = Config(dict(param_scheduler=[scheduler], train_cfg=dict(max_epochs=5)))
    found = unfinished_schedules(cfg)
    assert len(found) == (last is not None)
    if found:
        assert f'({scheduler["type"]}) reaches to epoch {last}, ' in found[0]
    cfg.param_scheduler = scheduler  # one alone may stand for itself
    assert unfinished_schedules(cfg) == found


@pytest.mark.parametrize('by_iteration', [False, True])
@pytest.mark.parametrize('begin', [0, 1])
@pytest.mark.parametrize('length', [1, 2])
@pytest.mark.parametrize('kind', [LinearLR, ConstantLR])
def test_warm_ups_that_mmengine_never_leaves(kind, length, begin, by_iteration):
    """Found are those after which the learning rate is not what it was set to."""
    settings = dict(begin=begin, end=begin + length)
    scheduler = dict(type=kind.__name__, convert_to_iter_based=by_iteration, **settings)
    cfg = Config(dict(param_scheduler=scheduler, train_cfg=dict(max_epochs=5)))
    optimizer = OptimWrapper(SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1))
    if by_iteration:
        real = kind.build_iter_from_epoch(optimizer, **settings, epoch_length=7)
    else:
        real = kind(optimizer, **settings)
    for _ in range(5 * (7 if by_iteration else 1)):
        optimizer.step()
        real.step()
    stuck = optimizer.get_lr()['lr'][0] < 0.099
    found = unfinished_schedules(cfg)
    assert len(found) == stuck == (length == 1 and not by_iteration)
    if stuck:
        assert f'({kind.__name__}) lasts one epoch' in found[0]
        assert f'end={begin + 2}' in found[0]


def test_the_warning_is_given(tmp_path, warned):
    runner = make_runner(tmp_path, **{'train_cfg.max_epochs': 1})
    runner.train()
    assert any('train_cfg.max_epochs is 1' in line for line in warned)


def test_a_second_sampler_that_never_draws():
    sampler = dict(type='DeferredSampler', action_epoch=6)
    cfg = Config(
        dict(train_dataloader=dict(sampler=sampler), train_cfg=dict(max_epochs=5))
    )
    with pytest.raises(ConfigError, match='action_epoch=6 is never reached'):
        check_deferred_sampling(cfg)
    cfg.train_cfg.max_epochs = 6
    check_deferred_sampling(cfg)


def test_a_metric_that_nobody_tells_the_counts(tmp_path):
    runner = make_runner(tmp_path, **{'default_hooks.class_counts': None})
    with pytest.raises(ConfigError, match=r'ShotSplitMetric.*ClassCountsHook'):
        runner.train()
    assert runner.iter == 0
    counts = [128, 88, 60, 40, 27, 18, 12, 8, 5, 4]
    make_runner(
        tmp_path,
        **{
            'default_hooks.class_counts': None,
            'val_evaluator.class_counts': counts,
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
        },
    ).train()


def test_what_changed_since_the_checkpoint(tmp_path, warned):
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()
    runner = make_runner(
        tmp_path,
        resume=True,
        **{'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 16},
    )
    runner.train()
    (found,) = [line for line in warned if 'other settings' in line]
    assert found.endswith('checkpoint: train_dataloader.batch_size: 32 -> 16')


def test_a_config_that_is_no_python_can_be_resumed(tmp_path):
    """mmengine writes infinity as ``inf``, which is no Python literal."""
    settings = {'optim_wrapper.clip_grad': dict(max_norm=9.0, norm_type=float('inf'))}
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}, **settings).train()
    runner = make_runner(
        tmp_path, resume=True, **{'train_cfg.max_epochs': 2}, **settings
    )
    runner.train()
    assert runner.epoch == 2


def test_changes():
    old = dict(model=dict(depth=20, head=dict(type='A')), steps=[1, 2], work_dir='a')
    new = dict(
        model=dict(depth=32, head=dict(type='A', tau=1)), steps=[1], work_dir='b'
    )
    assert changes(old, new) == [
        'model.depth: 20 -> 32',
        'steps.1: 2 -> nothing',
        'model.head.tau: nothing -> 1',
    ]
    moved = dict(train_dataloader=dict(dataset=dict(data_root='a'), prefetch_factor=2))
    assert (
        changes(moved, dict(train_dataloader=dict(dataset=dict(data_root='b')))) == []
    )
    assert dict(flatten(old))['model.head.type'] == 'A'


def test_what_counts_epochs_in_a_training_by_iterations():
    cfg = Config(
        dict(
            train_cfg=dict(by_epoch=False, max_iters=100),
            param_scheduler=[
                dict(type='LinearLR', end=5),
                dict(type=MultiStepLR, milestones=[3], by_epoch=True),
                dict(type='LinearLR', end=5, by_epoch=False),
                dict(type='CosineAnnealingLR', T_max=5, convert_to_iter_based=True),
            ],
            default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=50)),
        )
    )
    schedulers = [text for text in counted_in_epochs(cfg) if 'never steps' in text]
    assert [text.split(')')[0] for text in schedulers] == [
        'param_scheduler[0] (LinearLR',
        'param_scheduler[1] (MultiStepLR',
    ]
    assert 'default_hooks.checkpoint counts epochs' in counted_in_epochs(cfg)[-1]
    cfg.default_hooks.checkpoint.by_epoch = False
    assert len(counted_in_epochs(cfg)) == 2
    cfg.train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=100)
    assert len(counted_in_epochs(cfg)) == 2
    cfg.train_cfg = dict(by_epoch=True, max_epochs=2)
    assert counted_in_epochs(cfg) == []
    assert '(MultiStepLR) reaches to epoch 3' in unfinished_schedules(cfg)[1]


@pytest.mark.parametrize(
    ('schedulers', 'then'),
    [
        ([dict(type='CosineAnnealingLR', T_max=4, begin=0, end=4)], 'stays as it is'),
        ([dict(type='CosineAnnealingLR', T_max=4)], 'rises again'),
        ([dict(type='CosineAnnealingLR', eta_min=1e-5)], None),  # over all epochs
        ([dict(type='CosineAnnealingLR', end=4)], 'stays as it is'),
        (
            [
                dict(type='LinearLR', by_epoch=False, end=500),
                dict(type='CosineAnnealingLR', begin=1),
            ],
            None,
        ),
        ([dict(type='LinearLR', end=4)], None),  # a warm-up
        ([dict(type='CosineRestartLR', periods=[3, 3])], None),
        (
            [
                dict(type='CosineAnnealingLR', T_max=4, begin=0, end=4),
                dict(type='ConstantLR', begin=4, end=6),
            ],
            None,
        ),
    ],
)
def test_schedules_that_end_long_before(schedulers, then):
    cfg = Config(dict(param_scheduler=schedulers, train_cfg=dict(max_epochs=6)))
    found = unfinished_schedules(cfg)
    assert len(found) == (then is not None)
    if found:
        assert (
            f'ends at epoch 4, train_cfg.max_epochs is 6: the learning rate {then}'
            in (found[0])
        )


def test_pipelines_that_no_dataset_gets(tmp_path):
    config = tmp_path / 'mine.py'
    text = """
train_pipeline = [dict(type='PackInputs')]
test_pipeline = {{_base_.test_pipeline}}
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""
    config.write_text(text)
    assert unused_pipelines(config) == [], 'a whole config, as in a work dir'
    config.write_text("_base_ = 'other.py'" + text)
    (found,) = unused_pipelines(config)
    assert found.startswith('train_pipeline of mine.py is given to no dataset')
    assert unused_pipelines(config.with_suffix('.yaml')) == unused_pipelines(None) == []
    for path in sorted((ROOT / 'configs').glob('[!_]*/*.py')):
        assert unused_pipelines(path) == []


class Faulty:
    def __init__(self, fault):
        if fault == 'raised':
            raise KeyError('invalid depth 19')
        if fault == 'key':
            {}['a key']
        if fault == 'unpacked':
            _, _ = 1, 2, 3
        if fault == 'raised elsewhere':
            raise_elsewhere()


def raise_elsewhere():
    raise ValueError('this is no argument')


@pytest.mark.parametrize('fault', ['raised', 'key', 'unpacked', 'raised elsewhere'])
def test_mistakes_in_a_constructor_keep_their_traceback(fault):
    registry = Registry('faulty')
    registry.register_module(module=Faulty)
    with pytest.raises((KeyError, ValueError)) as caught:
        registry.build(dict(type='Faulty', fault=fault))
    expected = 'Faulty: invalid depth 19' if fault == 'raised' else None
    assert explain(caught.value) == expected

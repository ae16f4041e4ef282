"""Resuming with schedules other than the checkpoint's."""

import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS

from mmlt_plugin.engine import ExactResumeHook
from mmlt_plugin.engine.resumed_schedules import replay_schedules, schedules_differ
from mmlt_plugin.errors import ConfigError
from tests.engine.runs import assert_equal, final_state, make_runner


@pytest.mark.promise('max_epochs can be raised on resume')
@pytest.mark.parametrize(
    'scheduler',
    [
        dict(type='MultiStepLR', milestones=[2, 4], by_epoch=True),
        dict(type='CosineAnnealingLR', by_epoch=True),
    ],
)
def test_a_training_can_be_extended(tmp_path, scheduler):
    settings = dict(param_scheduler=[scheduler])
    make_runner(tmp_path / 'parts', **settings).train()
    settings['train_cfg.max_epochs'] = 6
    runner = make_runner(tmp_path / 'parts', resume=True, **settings)
    runner.train()
    rate = runner.optim_wrapper.optimizer.param_groups[0]['lr']
    assert runner.param_schedulers[0].end == 6
    if scheduler['type'] == 'MultiStepLR':  # equal to six epochs at once
        make_runner(tmp_path / 'whole', **settings).train()
        ends = [final_state(tmp_path / name, 6) for name in ('parts', 'whole')]
        assert_equal(*ends)
        assert rate == pytest.approx(0.05 * 0.01)
    else:  # the rate of the fifth of six epochs' cosine, after which it ends
        assert rate == pytest.approx(0.025 * (1 + math.cos(math.pi * 5 / 6)), rel=1e-6)


def test_a_changed_schedule_with_another_batch_size(tmp_path):
    """Past training counts in epochs, regardless of their number of batches."""
    settings = dict(param_scheduler=[dict(type='MultiStepLR', milestones=[2, 4])])
    make_runner(tmp_path, **settings).train()
    settings['param_scheduler'] = [dict(type='MultiStepLR', milestones=[2, 5])]
    runner = make_runner(
        tmp_path,
        resume=True,
        **{'train_cfg.max_epochs': 4, 'train_dataloader.batch_size': 8},
        **settings,
    )
    runner.train()
    rates = runner.message_hub.get_scalar('train/lr').data[0]
    assert rates[-1] == pytest.approx(rates[0] * 0.1)


@pytest.mark.parametrize(('epoch', 'iteration'), [(0, 3), (2, 24)])
def test_schedules_by_epoch_and_by_iteration(tmp_path, epoch, iteration):
    """Within the first epoch no schedule by epoch has stepped."""
    schedules = [
        dict(type='MultiStepLR', milestones=[1], end=9),
        dict(type='LinearLR', start_factor=0.5, end=99, by_epoch=False),
        dict(type='MultiStepMomentum', milestones=[1], gamma=0.5, end=9),
    ]
    runner = make_runner(
        tmp_path, param_scheduler=schedules, **{'train_cfg.max_epochs': 1}
    )
    runner.train()
    runner.train_loop._epoch, runner.train_loop._iter = epoch, iteration
    replay_schedules(runner)
    steps = [scheduler.last_step for scheduler in runner.param_schedulers]
    assert steps == [epoch, iteration, epoch]
    (group,) = runner.optim_wrapper.param_groups
    assert group['momentum'] == (0.45 if epoch else 0.9)


def build(cfg, lr=0.1):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    return PARAM_SCHEDULERS.build(dict(cfg, optimizer=optimizer))


def test_what_is_another_schedule():
    multi = dict(type='MultiStepLR', milestones=[2, 4])
    trained = build(multi)
    for _ in range(3):
        trained.step()
    states = dict(net=[trained.state_dict()])
    assert not schedules_differ(
        states, dict(net=[build(dict(multi, verbose=True), 0.2)])
    )
    for new in (dict(multi, milestones=[2, 5]), dict(multi, gamma=0.5)):
        assert schedules_differ(states, dict(net=[build(new)]))
    plateau = build(dict(PLATEAU, patience=1, cooldown=2))
    for _ in range(7):  # gets no better, is reduced, and waits
        plateau.step({'shot/all': 50.0})
        fresh = build(dict(PLATEAU, patience=1, cooldown=2))
        assert not schedules_differ([plateau.state_dict()], [fresh])


def test_weights_alone_bring_no_schedule():
    hook, plateau = ExactResumeHook(), build(PLATEAU)
    runner = SimpleNamespace(_resume=False, param_schedulers=[plateau])
    hook.after_load_checkpoint(runner, dict(param_schedulers=[]))
    assert not hook.schedules_changed


def test_a_training_goes_on_without_its_schedule(tmp_path):
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()
    runner = make_runner(
        tmp_path, resume=True, param_scheduler=None, **{'train_cfg.max_epochs': 2}
    )
    runner.train()
    assert runner.epoch == 2
    assert runner.param_schedulers == []


#: Halves the rate after the evaluation of the second epoch, since 100 points are missing.
PLATEAU = dict(
    type='ReduceOnPlateauLR', monitor='shot/all', rule='greater', factor=0.5, patience=0,
    threshold=100, threshold_rule='abs', end=9,
)  # fmt: skip


def test_a_rate_that_follows_evaluations_stays_reduced(tmp_path, warned):
    settings = {'train_cfg.val_interval': 1, 'param_scheduler': [PLATEAU]}
    make_runner(tmp_path, **settings).train()
    settings['train_cfg.max_epochs'] = 4
    runner = make_runner(tmp_path, resume=True, **settings)
    runner.train()
    (state,) = final_state(tmp_path, 4)['param_schedulers']
    assert state['best'] > 0, 'that of the first epoch'
    rates = runner.message_hub.get_scalar('train/lr').data[0]
    assert rates[-1] == pytest.approx(0.0125), 'after two more evaluations'
    assert not any('misses the evaluation' in line for line in warned)
    alone = {**settings, 'default_hooks.evaluate_on_resume': None}
    make_runner(tmp_path, resume=True, **alone).train()
    assert any('ReduceOnPlateauLR misses the evaluation' in line for line in warned)
    settings['param_scheduler'] = [PLATEAU | dict(factor=0.1)]
    with pytest.raises(ConfigError, match=r'ReduceOnPlateauLR, .* cannot be replayed'):
        make_runner(tmp_path, resume=True, **settings).train()

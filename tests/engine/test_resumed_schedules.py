"""Schedules that are not the checkpoint's."""

import math

import pytest

from mmlt_plugin.engine.resumed_schedules import replay_schedules
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
    """What was trained counts in epochs, however many batches they had."""
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


def test_a_checkpoint_within_the_first_epoch(tmp_path):
    """No schedule by epoch has stepped, every one by iteration has."""
    schedules = [
        dict(type='MultiStepLR', milestones=[1]),
        dict(type='LinearLR', start_factor=0.5, end=10, by_epoch=False),
    ]
    runner = make_runner(
        tmp_path, param_scheduler=schedules, **{'train_cfg.max_epochs': 1}
    )
    runner.train()
    runner.train_loop._epoch, runner.train_loop._iter = 0, 3
    replay_schedules(runner)
    assert [scheduler.last_step for scheduler in runner.param_schedulers] == [0, 3]


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
    assert rates[-1] == pytest.approx(0.025)
    assert any('ReduceOnPlateauLR' in line for line in warned)
    settings['param_scheduler'] = [PLATEAU | dict(factor=0.1)]
    with pytest.raises(ConfigError, match=r'ReduceOnPlateauLR, .* cannot be replayed'):
        make_runner(tmp_path, resume=True, **settings).train()

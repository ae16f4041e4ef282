"""A resumed run evaluates first what it resumes from."""

from types import SimpleNamespace

import pytest
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop

from mmlt_plugin.engine.hooks.evaluate_on_resume_hook import (
    EvaluateOnResumeHook,
    evaluation_is_due,
)
from mmlt_plugin.scripts.run_log import evaluations
from tests.engine.runs import assert_equal, cut_off, final_state, make_runner

#: Halves the rate after every evaluation but the first, since 100 points are missing.
PLATEAU = dict(
    type='ReduceOnPlateauLR', monitor='shot/all', rule='greater', factor=0.5, patience=0,
    threshold=100, threshold_rule='abs',
)  # fmt: skip
SETTINGS = {'train_cfg.val_interval': 1, 'param_scheduler': [PLATEAU]}


class Kill(Hook):
    """End the training before or after the evaluation of an epoch."""

    priority = 'LOWEST'

    def __init__(self, epoch, when):
        self.epoch, self.when = epoch, when

    def before_val(self, runner):
        if (runner.epoch, self.when) == (self.epoch, 'before'):
            raise KeyboardInterrupt

    def after_val_epoch(self, runner, metrics=None):
        if (runner.epoch, self.when) == (self.epoch, 'after'):
            raise KeyboardInterrupt


@pytest.fixture(scope='module', params=[None, 'shot/all'], ids=['', 'save best'])
def whole(request, tmp_path_factory):
    """A training that was not interrupted, and its settings."""
    work_dir = tmp_path_factory.mktemp('whole')
    settings = {**SETTINGS, 'default_hooks.checkpoint.save_best': request.param}
    runner = make_runner(work_dir, **settings)
    runner.train()
    return work_dir, settings, runner.message_hub.runtime_info.get('best_score')


@pytest.mark.promise('a run killed before an evaluation has it when it is resumed')
@pytest.mark.parametrize('epoch', [1, 2, 3])
@pytest.mark.parametrize('when', ['before', 'after'])
def test_killed_around_an_evaluation(whole, when, epoch, tmp_path, record_property):
    """Results, learning rates and best score are those of the run that was not killed."""
    record_property('faults', 1)
    expected, settings, best = whole
    runner = make_runner(tmp_path, **settings)
    runner.register_hook(Kill(epoch, when))
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    runner = make_runner(tmp_path, resume=True, **settings)
    runner.train()
    assert evaluations(tmp_path) == evaluations(expected)
    assert_equal(final_state(tmp_path), final_state(expected))
    assert runner.message_hub.runtime_info.get('best_score') == best


def test_nothing_is_repeated_without_need(tmp_path):
    make_runner(tmp_path / 'whole', **{'train_cfg.max_epochs': 1}).train()
    seen = []

    class Watch(Hook):
        def before_val(self, runner):
            seen.append(runner.epoch)

    for name, settings in dict(
        between={'train_cfg.val_interval': 2},
        without=dict(val_dataloader=None, val_cfg=None, val_evaluator=None),
        weights=dict(resume=False, load_from=str(tmp_path / 'whole/epoch_1.pth')),
    ).items():
        cut_off(tmp_path / 'whole', 1, tmp_path / name)
        settings = {
            'param_scheduler': [], 'train_cfg.max_epochs': 2, 'resume': True, **settings
        }  # fmt: skip
        runner = make_runner(tmp_path / name, **settings)
        runner.register_hook(Watch())
        runner.train()
    assert seen == [2, 2], 'at the ends of the first and the third'


def test_a_new_run_is_not_evaluated_first(tmp_path):
    runner = make_runner(
        tmp_path, resume=True, **SETTINGS, **{'train_cfg.max_epochs': 1}
    )
    runner.train()
    assert [line['epoch'] for line in evaluations(tmp_path)] == [1]


@pytest.mark.parametrize(
    ('done', 'begin', 'interval', 'due'),
    [
        (0, 0, 1, False), (3, 1, 1, True), (3, 1, 2, False), (4, 1, 2, True),
        (4, 5, 2, False), (9, 1, 2, True), (9, 10, 2, False),
    ],
)  # fmt: skip
def test_when_an_evaluation_is_due(done, begin, interval, due):
    settings = dict(val_begin=begin, val_interval=interval)
    by_epoch = SimpleNamespace(epoch=done, max_epochs=9, **settings)
    assert evaluation_is_due(by_epoch) == due
    by_iteration = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    for key, value in dict(_iter=done, _max_iters=9, **settings).items():
        setattr(by_iteration, key, value)
    assert evaluation_is_due(by_iteration) == due


def test_the_interval_is_the_present_one(tmp_path):
    """With dynamic_intervals mmengine looks it up after every epoch."""
    settings = {'train_cfg.val_interval': 5, 'train_cfg.dynamic_intervals': [(3, 1)]}
    runner = make_runner(tmp_path, **settings)
    assert isinstance(runner.hooks[-1], EvaluateOnResumeHook), 'after all others'
    loop = runner.build_train_loop(runner.train_loop)
    for epoch, due in ((1, False), (2, True), (3, True)):
        loop._epoch = epoch
        assert evaluation_is_due(loop) == due

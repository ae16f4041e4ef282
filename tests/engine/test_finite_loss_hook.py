"""Trainings whose losses or weights break."""

from types import SimpleNamespace

import pytest
import torch

from mmlt_plugin.engine import FiniteLossHook
from mmlt_plugin.errors import TrainingError
from tests.engine.runs import make_runner


@pytest.mark.promise(
    'a loss that is NaN or infinite ends the run before anything is saved (on a CPU within the iteration)'
)
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@pytest.mark.parametrize('config', ['reslt', 'bbn', 'ce'])
def test_not_finite(value, config, tmp_path, record_property):
    runner = make_runner(tmp_path, config=f'{config}/resnet20_digits-lt-if32.py')
    train_step = type(runner.model).train_step
    steps = []

    def broken_step(model, *args, **kwargs):
        steps.append(1)
        if len(steps) == 15:
            with torch.no_grad():
                model.head.fc.bias += value
        return train_step(model, *args, **kwargs)

    runner.model.train_step = broken_step.__get__(runner.model)
    record_property('faults', 1)
    with pytest.raises(
        TrainingError, match=r'loss.* not finite in epoch 2, iteration 3'
    ):
        runner.train()
    assert len(steps) == 15
    assert [file.name for file in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    weights = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in weights.values())


@pytest.mark.promise('weights that are not finite are not saved')
def test_an_update_that_breaks_the_weights(tmp_path, record_property):
    runner = make_runner(tmp_path, **{'default_hooks.checkpoint.max_keep_ckpts': 1})
    train_step = type(runner.model).train_step
    steps = []

    def broken_step(model, *args, **kwargs):
        losses = train_step(model, *args, **kwargs)
        steps.append(1)
        if len(steps) == 24:  # the last of the second epoch
            with torch.no_grad():
                model.head.fc.weight[0, 0] = float('inf')
        return losses

    runner.model.train_step = broken_step.__get__(runner.model)
    record_property('faults', 1)
    with pytest.raises(TrainingError, match=r'head\.fc\.weight are not finite'):
        runner.train()
    assert [file.name for file in tmp_path.glob('*.pth')] == ['epoch_1.pth']


@pytest.mark.parametrize('most_unread', [0, 3, 100])
@pytest.mark.parametrize('saving', [True, False])
def test_losses_that_arrive_later(most_unread, saving, tmp_path, monkeypatch):
    """As on a GPU, the run continues meanwhile, but nothing is saved."""
    monkeypatch.setattr('mmlt_plugin.transfer.HostCopy.has_arrived', lambda self: False)
    hook = 'mmlt_plugin.engine.hooks.finite_loss_hook'
    monkeypatch.setattr(f'{hook}.MOST_UNREAD', most_unread)
    runner = make_runner(
        tmp_path, **{'default_hooks.checkpoint.interval': 1 if saving else 100}
    )
    train_step = type(runner.model).train_step
    steps = []

    def broken_step(model, *args, **kwargs):
        losses = train_step(model, *args, **kwargs)
        steps.append(1)
        return (
            dict(losses, loss=losses['loss'] * float('nan'))
            if len(steps) == 15
            else losses
        )

    runner.model.train_step = broken_step.__get__(runner.model)
    with pytest.raises(TrainingError, match=r'epoch 2, iteration 3'):
        runner.train()
    assert len(steps) == min(15 + most_unread, 24)
    assert len(list(tmp_path.glob('*.pth'))) == saving


@pytest.fixture
def late(monkeypatch):
    """A hook whose losses have not arrived from the device yet."""
    monkeypatch.setattr('mmlt_plugin.transfer.HostCopy.has_arrived', lambda self: False)
    hook, runner = FiniteLossHook(), SimpleNamespace(epoch=0, work_dir='w')
    nan = torch.tensor(float('nan'))
    hook.after_train_iter(runner, 0, None, dict(loss=nan, loss_branch=nan))
    return hook, runner


def test_losses_on_their_way_are_read_before_an_evaluation(late):
    hook, runner = late
    with pytest.raises(TrainingError, match='iteration 1'):
        hook.before_val_epoch(runner)


def test_losses_on_their_way_are_read_before_saving(late):
    hook, runner = late
    with pytest.raises(TrainingError, match='iteration 1'):
        hook.before_save_checkpoint(runner, dict(state_dict={}))


def test_the_part_that_is_not_finite_is_named_alone(late):
    hook, runner = late
    with pytest.raises(TrainingError, match=r'^loss_branch is not'):
        hook.after_train_epoch(runner)

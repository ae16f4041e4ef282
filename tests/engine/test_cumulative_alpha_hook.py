from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.runner import IterBasedTrainLoop
from torch import nn

from mmlt_plugin.datasets import BilateralBatchSampler
from mmlt_plugin.engine import CumulativeAlphaHook
from mmlt_plugin.errors import ConfigError
from tests.engine import runs

BILATERAL = BilateralBatchSampler.__new__(BilateralBatchSampler)


class Recorder(nn.Module):
    def __init__(self):
        super().__init__()
        self.alphas = []

    def set_alpha(self, alpha):
        self.alphas.append(alpha)


def run(hook, epochs=10, iterations=3, start=0, seed=0, model=None):
    """Drive the hook through a training; returns the alpha of every iteration."""
    recorder = Recorder()
    runner = SimpleNamespace(
        model=model or nn.Sequential(recorder),
        train_loop=object(),
        train_dataloader=SimpleNamespace(batch_sampler=BILATERAL),
        cfg={},
        max_epochs=epochs,
        max_iters=epochs * iterations,
        seed=seed,
    )
    hook.before_train(runner)
    found = []
    for runner.epoch in range(start, epochs):
        hook.before_train_epoch(runner)
        for batch_idx in range(iterations):
            runner.iter = runner.epoch * iterations + batch_idx
            hook.before_train_iter(runner, batch_idx, None)
            found.append(recorder.alphas[-1])
    return found


FORMULAS = dict(
    parabolic=lambda t: 1 - t * t,
    linear=lambda t: 1 - t,
    cosine=lambda t: np.cos(t * np.pi / 2),
    increment=lambda t: t * t,
)


@pytest.mark.parametrize('schedule', FORMULAS)
@pytest.mark.parametrize('by_epoch', [True, False])
def test_schedules(schedule, by_epoch):
    found = run(CumulativeAlphaHook(schedule, by_epoch=by_epoch))
    steps = [i // 3 / 10 if by_epoch else i / 30 for i in range(30)]
    assert found == pytest.approx([FORMULAS[schedule](t) for t in steps])
    assert all(0 <= alpha <= 1 for alpha in found)


# The released code's alpha in 1-based epochs, by the length of its training.
@pytest.mark.parametrize(
    ('epochs', 'divisor', 'published'),
    [
        (200, None, {1: 1.0, 100: 0.75497, 199: 0.01990, 200: 0.00998}),
        (180, 200, {1: 1.0, 90: 0.80198, 180: 0.19898}),
        (90, 100, {1: 1.0, 90: 0.2079}),
    ],
)
def test_published_values(epochs, divisor, published):
    found = run(CumulativeAlphaHook(divisor=divisor), epochs=epochs, iterations=1)
    for epoch, alpha in published.items():
        assert found[epoch - 1] == pytest.approx(alpha, abs=1e-5)


def test_constant_and_separated():
    assert set(run(CumulativeAlphaHook('constant', value=0.3))) == {0.3}
    found = run(CumulativeAlphaHook('separated', value=0.6), epochs=200, iterations=1)
    assert found == [1.0] * 120 + [0.0] * 80


def test_beta_is_drawn_every_iteration_from_the_seed():
    hook = CumulativeAlphaHook('beta')
    found = run(hook, epochs=400)
    assert len(set(found)) == len(found)
    assert found == run(hook, epochs=400)
    assert found != run(hook, epochs=400, seed=1)
    # Beta(0.2, 0.2): mean 1/2, variance 1 / (4 (0.4 + 1))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)
    assert np.var(found) == pytest.approx(1 / 5.6, abs=0.02)


@pytest.mark.parametrize('schedule', ['parabolic', 'beta', 'separated'])
@pytest.mark.parametrize('by_epoch', [True, False])
def test_resuming_needs_nothing_stored(schedule, by_epoch):
    whole = run(CumulativeAlphaHook(schedule, by_epoch=by_epoch))
    assert run(CumulativeAlphaHook(schedule, by_epoch=by_epoch), start=4) == whole[12:]


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(schedule='sine'), "schedule='sine'"),
        (dict(schedule='constant', value=1.5), r'value=1\.5'),
        (dict(divisor=0), 'divisor=0'),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ConfigError, match=message):
        CumulativeAlphaHook(**wrong)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match='BBNHead'):
        run(CumulativeAlphaHook(), model=nn.Linear(1, 1))
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    runner = SimpleNamespace(
        model=nn.Sequential(Recorder()),
        train_loop=loop,
        train_dataloader=SimpleNamespace(batch_sampler=BILATERAL),
        cfg={},
        seed=None,
    )
    with pytest.raises(ConfigError, match='max_epochs'):
        CumulativeAlphaHook().before_train(runner)
    CumulativeAlphaHook(by_epoch=False).before_train(runner)
    CumulativeAlphaHook('beta').before_train(runner)
    CumulativeAlphaHook('constant', value=0.3).before_train(runner)
    runner.cfg = dict(sync_bn='torch')
    with pytest.raises(ConfigError, match='BilateralSyncBN'):
        CumulativeAlphaHook('beta').before_train(runner)
    runner.train_dataloader.batch_sampler = None
    with pytest.raises(ConfigError, match='BilateralBatchSampler'):
        CumulativeAlphaHook('beta').before_train(runner)


def test_the_neck_wants_a_backbone_without_its_last_block(tmp_path):
    uncut = dict(_delete_=True, type='CIFARResNet', depth=20)
    runner = runs.make_runner(
        tmp_path, 'bbn/resnet20_digits-lt-if32.py', **{'model.backbone': uncut}
    )
    with pytest.raises(ConfigError, match='BilateralTrunk'):
        runner.train()


def test_after_the_divisor_alpha_stays_0():
    assert CumulativeAlphaHook(divisor=100).alpha(150, 200) == 0


def test_ranks_draw_alpha_with_the_same_seed(monkeypatch):
    def broadcast(values):
        values[0] = 9

    class Model(nn.Module):
        def set_alpha(self, alpha):
            pass

    module = 'mmlt_plugin.engine.hooks.cumulative_alpha_hook'
    monkeypatch.setattr(f'{module}.broadcast_object_list', broadcast)
    batches = BilateralBatchSampler.__new__(BilateralBatchSampler)
    runner = SimpleNamespace(
        model=Model(),
        train_dataloader=SimpleNamespace(batch_sampler=batches),
        train_loop=None,
        cfg={},
        seed=1,
    )
    hook = CumulativeAlphaHook('beta')
    hook.before_train(runner)
    assert hook.seed == 9

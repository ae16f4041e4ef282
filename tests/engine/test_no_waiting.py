"""Nothing makes the host wait for the device within an iteration."""

from collections import Counter

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS
from torch.utils._python_dispatch import TorchDispatchMode

from tests.engine.runs import make_runner

#: Operations whose result the host needs before it can go on.
WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', 'unique')


class CountWaiting(TorchDispatchMode):
    """Count operations that wait, with the names of Python's way around them."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.split('.')[0]
        if name.startswith(WAITING):
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


@HOOKS.register_module()
class CountWaitingHook(Hook):
    """Count from the second iteration to the one before the epoch's last."""

    priority = 'LOWEST'

    def before_train_epoch(self, runner):
        self.mode = CountWaiting()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.epoch == 1 and batch_idx == 0:
            self.mode.__enter__()
        if runner.epoch == 1 and batch_idx == len(runner.train_dataloader) - 2:
            self.mode.__exit__(None, None, None)
            runner.waited = dict(self.mode.found)


def waiting(tmp_path, method, monkeypatch, **settings):
    """Waiting operations of an epoch between its first and last iteration."""
    # What arrives later on a GPU: here nothing has until somebody needs it.
    monkeypatch.setattr('mmlt_plugin.transfer.HostCopy.has_arrived', lambda self: False)
    runner = make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        in_memory=True,
        custom_hooks=[dict(type='CountWaitingHook')],
        **settings,
    )
    runner.train()
    return runner.waited


@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_training_from_memory(method, tmp_path, monkeypatch):
    assert waiting(tmp_path, method, monkeypatch) == {}


def test_what_mmengine_does_is_found(tmp_path, monkeypatch):
    settings = {'default_hooks.runtime_info.type': 'RuntimeInfoHook'}
    found = waiting(tmp_path, 'ce', monkeypatch, **settings)
    assert found['_local_scalar_dense'] >= 9  # one an iteration and logged value


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_on_a_gpu(method, tmp_path):
    @HOOKS.register_module(force=True)
    class RefuseWaitingHook(CountWaitingHook):
        def before_train_epoch(self, runner):
            pass

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            inside = batch_idx < len(runner.train_dataloader) - 2
            torch.cuda.set_sync_debug_mode('error' if inside else 'default')

    make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        in_memory=True,
        custom_hooks=[dict(type='RefuseWaitingHook')],
    ).train()

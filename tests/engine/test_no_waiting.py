"""Nothing makes the host wait for the device within an iteration."""

from collections import Counter

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS
from torch.utils._python_dispatch import TorchDispatchMode

from mmlt_plugin.engine.lazy_history import LazyHistoryBuffer
from mmlt_plugin.transfer import HostCopy
from tests.engine.runs import make_runner

#: Operations whose result the host needs before it can go on.
WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', 'unique')
#: Methods that wait, which on a CPU no operation shows.
PYTHON = [
    (torch.Tensor, 'tolist'),
    (torch.Tensor, 'cpu'),
    (torch.Tensor, 'numpy'),
    (HostCopy, 'get'),
]


class CountWaiting(TorchDispatchMode):
    """Count operations that wait, and what does not pass through the dispatcher."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.found = Counter()
        self.monkeypatch = monkeypatch

    def __enter__(self):
        for owner, method in PYTHON:
            self.monkeypatch.setattr(owner, method, self.counted(owner, method))
        return super().__enter__()

    def __exit__(self, *error):
        self.monkeypatch.undo()
        return super().__exit__(*error)

    def counted(self, owner, method):
        inner = getattr(owner, method)

        def call(*args, **kwargs):
            self.found[method] += 1
            return inner(*args, **kwargs)

        return call

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.split('.')[0]
        if name.startswith(WAITING):
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


@HOOKS.register_module()
class CountWaitingHook(Hook):
    """Count from the second iteration to the one before the epoch's last."""

    priority = 'LOWEST'

    monkeypatch = None

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.epoch == 1 and batch_idx == 0:
            self.mode = CountWaiting(self.monkeypatch).__enter__()
        if runner.epoch == 1 and batch_idx == len(runner.train_dataloader) - 2:
            self.mode.__exit__(None, None, None)
            runner.waited = dict(self.mode.found)


def waiting(tmp_path, method, monkeypatch, **settings):
    """Waiting operations of an epoch between its first and last iteration."""
    # What arrives later on a GPU: here nothing has until somebody needs it.
    HostCopy.has_arrived, arrived = lambda self: False, HostCopy.has_arrived
    CountWaitingHook.monkeypatch = monkeypatch
    runner = make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        in_memory=True,
        custom_hooks=[dict(type='CountWaitingHook')],
        **settings,
    )
    try:
        runner.train()
    finally:
        HostCopy.has_arrived = arrived
    return runner.waited


@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_training_from_memory(method, tmp_path, monkeypatch):
    assert waiting(tmp_path, method, monkeypatch) == {}


def test_what_mmengine_does_is_found(tmp_path, monkeypatch):
    settings = {'default_hooks.runtime_info.type': 'RuntimeInfoHook'}
    found = waiting(tmp_path, 'ce', monkeypatch, **settings)
    assert found['_local_scalar_dense'] >= 9  # one an iteration and logged value


def test_reading_at_once_is_found(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(LazyHistoryBuffer, 'LIMIT', 1)
        assert waiting(tmp_path, 'ce', monkeypatch)['tolist'] >= 9


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_on_a_gpu(method, tmp_path):
    @HOOKS.register_module(force=True)
    class RefuseWaitingHook(CountWaitingHook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            inside = batch_idx < len(runner.train_dataloader) - 2
            torch.cuda.set_sync_debug_mode('error' if inside else 'default')

    runner = make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        in_memory=True,
        custom_hooks=[dict(type='RefuseWaitingHook')],
    )
    try:
        runner.train()
    finally:
        torch.cuda.set_sync_debug_mode('default')

"""No iteration makes the host wait for the device."""

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mmlt_plugin.engine.lazy_history import LazyHistoryBuffer
from mmlt_plugin.transfer import HostCopy
from tests.engine.runs import make_runner
from tests.pretend_device import waits


@HOOKS.register_module()
class CountWaitingHook(Hook):
    """Count waits between the first and the last iteration of an epoch."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.epoch == 1 and batch_idx == 0:
            waits.clear()
        if runner.epoch == 1 and batch_idx == len(runner.train_dataloader) - 2:
            runner.waited = dict(waits)


def waiting(tmp_path, method, monkeypatch, **settings):
    """Number of waits by cause, between the first and the last iteration of an epoch."""
    # What arrives later on a GPU: here nothing has until somebody needs it.
    monkeypatch.setattr(HostCopy, 'has_arrived', lambda self: False)
    runner = make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        custom_hooks=[dict(type='CountWaitingHook')],
        **settings,
    )
    runner.train()
    return runner.waited


@pytest.mark.parametrize('in_memory', [False, True])
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_training(method, in_memory, on_pretend_device, tmp_path, monkeypatch):
    assert waiting(tmp_path, method, monkeypatch, in_memory=in_memory) == {}


def test_what_mmengine_does_is_found(on_pretend_device, tmp_path, monkeypatch):
    settings = {'default_hooks.runtime_info.type': 'RuntimeInfoHook'}
    found = waiting(tmp_path, 'ce', monkeypatch, **settings)
    assert found['_local_scalar_dense'] >= 9  # one an iteration and logged value


def test_what_mmpretrain_does_is_found(on_pretend_device, tmp_path, monkeypatch):
    settings = {'default_hooks.non_blocking_input': None}
    found = waiting(tmp_path, 'ce', monkeypatch, **settings)
    assert found['copy'] >= 18  # images and labels


def test_reading_at_once_is_found(on_pretend_device, tmp_path, monkeypatch):
    monkeypatch.setattr(LazyHistoryBuffer, 'LIMIT', 1)
    assert waiting(tmp_path, 'ce', monkeypatch)['tolist'] >= 9


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('in_memory', [False, True])
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_on_a_gpu(method, in_memory, tmp_path):
    @HOOKS.register_module(force=True)
    class RefuseWaitingHook(CountWaitingHook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            inside = batch_idx < len(runner.train_dataloader) - 2
            torch.cuda.set_sync_debug_mode('error' if inside else 'default')

    runner = make_runner(
        tmp_path,
        config=f'{method}/resnet20_digits-lt-if32.py',
        in_memory=in_memory,
        custom_hooks=[dict(type='RefuseWaitingHook')],
        **{'train_dataloader.pin_memory': True},
    )
    try:
        runner.train()
    finally:
        torch.cuda.set_sync_debug_mode('default')

"""bfloat16 and channels-last on a CPU change speed, not results."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.structures import DataSample
from torch import nn

from mmlt_plugin.engine import AllocatorHook, AutocastOptimWrapper, ChannelsLastHook
from mmlt_plugin.models import ResLTHead
from mmlt_plugin.scripts import cli
from tests.engine.test_hooks import make_runner


def test_autocast_computes_in_bfloat16_and_learns_in_float32():
    model = nn.Linear(4, 3)
    wrapper = AutocastOptimWrapper(
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0)
    )
    with wrapper.optim_context(model):
        output = model(torch.ones(2, 4))
    assert output.dtype == torch.bfloat16
    before = model.weight.detach().clone()
    wrapper.update_params(output.float().sum())
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(model.weight, before - 2.0)


@pytest.mark.parametrize('dtype', [None, 'float16', 'bfloat16'])
@pytest.mark.parametrize('own', ['OptimWrapper', 'AutocastOptimWrapper'])
def test_precision_on_a_gpu(monkeypatch, dtype, own):
    monkeypatch.setattr(cli, 'get_device', lambda: 'cuda')
    cfg = Config(dict(optim_wrapper=dict(type=own), val_cfg=None, default_hooks={}))
    cli.use_mixed_precision(cfg, dtype)
    half = dtype == 'float16' or (dtype is None and own == 'OptimWrapper')
    expected = 'AmpOptimWrapper' if half else 'AutocastOptimWrapper'
    assert cfg.optim_wrapper.type == expected
    assert ('loss_scale' in cfg.optim_wrapper) == half
    assert cfg.default_hooks.channels_last.type == 'ChannelsLastHook'
    assert ('matmul_precision' in cfg.default_hooks) == (not half)


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_bfloat16_in_the_place_of_float16(monkeypatch, device):
    monkeypatch.setattr(cli, 'get_device', lambda: device)
    float16 = dict(type='AmpOptimWrapper', loss_scale=512.0, clip_grad=dict(max_norm=1))
    cfg = Config(dict(optim_wrapper=float16, default_hooks={}))
    cli.use_mixed_precision(cfg, 'bfloat16')
    assert cfg.optim_wrapper.type == 'AutocastOptimWrapper'
    assert cfg.optim_wrapper.clip_grad.max_norm == 1
    assert 'loss_scale' not in cfg.optim_wrapper


def test_gradients_accumulate():
    model = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    wrapper = AutocastOptimWrapper(optimizer=optimizer, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 2)
    before = float(model.weight)
    for value in (1.0, 3.0):
        with wrapper.optim_context(model):
            loss = model(torch.full((1, 1), value)).sum()
        wrapper.update_params(loss)
    assert float(model.weight.detach()) == pytest.approx(before - 2.0)


@pytest.mark.parametrize('training', [True, False])
def test_channels_last_gives_the_same_numbers(training):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3))
    net.train(training)
    x = torch.randn(2, 3, 8, 8)
    expected = net(x)
    runner = make_runner([0])
    runner.model = net
    hook = ChannelsLastHook()
    hook.before_train(runner)
    found = net(x)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_allocator_hook_runs_everywhere(monkeypatch):
    AllocatorHook().before_run(None)
    np.zeros(1 << 22)
    monkeypatch.setattr('platform.libc_ver', lambda: ('musl', ''))
    AllocatorHook().before_run(None)


def test_reslt_in_bfloat16_is_near_float32():
    torch.manual_seed(0)
    head = ResLTHead(num_classes=4, in_channels=8, groups=[2, 2])
    head.set_class_counts([40, 20, 5, 1])
    samples = [DataSample().set_gt_label(c) for c in (0, 1, 2, 3)]
    feature = torch.randn(4, 8, 4, 4)
    exact = sum(head.loss((feature,), samples).values())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = sum(head.loss((feature,), samples).values())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, rtol=0.03, atol=0.03)

"""The simulated device refuses, counts and casts like a GPU."""

import pytest
import torch
from mmengine.device import get_device
from torch import nn

from tests.pretend_device import NAME, waits

pytestmark = pytest.mark.usefixtures('on_pretend_device')


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten()
    )


def test_it_computes_what_the_cpu_does():
    images = torch.randn(5, 3, 8, 8)
    results = []
    for device in ('cpu', get_device()):
        net = network().to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            net(images.to(device)).square().mean().backward()
            optimizer.step()
        state = {**net.state_dict(), 'gradient': net[0].weight.grad}
        assert {value.device.type for value in state.values()} == {
            torch.device(device).type
        }
        results.append([value.cpu() for value in state.values()])
    assert all(torch.equal(one, other) for one, other in zip(*results))


def test_tensors_of_the_host_are_refused():
    net = network().to(NAME)
    with pytest.raises(RuntimeError, match='all tensors to be on the same device'):
        net(torch.randn(5, 3, 8, 8))
    ours, host = torch.zeros(4, device=NAME), torch.arange(4)
    for mix in (
        lambda: ours + host,
        lambda: torch.where(host > 1, ours, 0),
        lambda: torch.cat([ours, host]),
        lambda: host[ours.long()],
        lambda: ours.__setitem__(host, host.float()),
        lambda: torch.stack([ours[0], torch.tensor(1.0)]),
        lambda: ours.index_add_(0, host, ours),
    ):
        with pytest.raises(RuntimeError, match='all tensors to be on the same device'):
            mix()
    with pytest.raises(TypeError, match='no numpy'):
        ours.numpy()


def test_what_a_gpu_takes_of_the_host():
    ours = torch.zeros(4, device=NAME)
    assert (ours + torch.tensor(2.0)).tolist() == [2, 2, 2, 2]
    ours[torch.tensor([1, 2])] = 1
    assert ours[torch.tensor([True, True, False, False])].tolist() == [0, 1]
    assert ours.copy_(torch.arange(4)).tolist() == [0, 1, 2, 3]


def test_what_is_made_on_it():
    for make in (
        lambda **on: torch.arange(4, **on),
        lambda **on: torch.tensor([1, 2], **on),
        lambda **on: torch.full((2, 3), 0.5, **on),
        lambda **on: torch.linspace(0, 1, 3, **on),
        lambda **on: torch.eye(2, **on),
        lambda **on: torch.zeros(3, **on).new_ones(2, 2),
    ):
        ours = make(device=NAME)
        assert ours.device.type == NAME
        assert ours.shape == make().shape
        assert torch.equal(ours.cpu(), make())


def test_waiting_is_counted():
    ours = torch.arange(4.0, device=NAME)
    for wait in (
        ours.sum().item,
        ours.tolist,
        ours.nonzero,
        ours.cpu,
        lambda: torch.zeros(4).copy_(ours),
        lambda: ours[ours > 1],
        lambda: ours[torch.randperm(4)],
        lambda: bool(ours.any()),
        ours.unique,
        ours.long().bincount,
        lambda: torch.arange(4).to(NAME),
        lambda: ours.copy_(torch.arange(4)),
        lambda: torch.tensor([1], device=NAME),
        lambda: ours.new_tensor([1]),
    ):
        waits.clear()
        wait()
        assert waits, wait
    waits.clear()
    (ours + 1).to(torch.float64).softmax(0).sum()
    ours[ours > 1] = 0
    torch.arange(4).to(NAME, non_blocking=True)
    ours.new_full((2,), 3)
    assert not waits


@pytest.mark.parametrize('lower', [torch.float16, torch.bfloat16])
def test_autocast_is_cudas(lower):
    x = torch.randn(4, 3, device=NAME)
    layer = nn.Linear(3, 5).to(NAME)
    with torch.autocast(NAME, dtype=lower):
        logits = layer(x)
        assert (logits.dtype, (logits * 2).dtype) == (lower, lower)
        label = torch.arange(4, device=NAME)
        for wide in (
            logits.softmax(1), logits.sum(), logits.norm(), logits.exp(),
            logits.logsumexp(1), nn.functional.nll_loss(logits, label),
        ):  # fmt: skip
            assert wide.dtype == torch.float32
        assert logits.log_softmax(1, dtype=lower).dtype == lower
        assert torch.cat([logits, x], 1).dtype == torch.float32
        with torch.autocast(NAME, enabled=False):
            assert layer(x).dtype == torch.float32
        logits.logsumexp(1).sum().backward()
    assert layer.weight.grad.dtype == torch.float32

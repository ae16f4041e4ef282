"""Logged values that stay on the device until they are read."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmlt_plugin.engine.lazy_history import LazyHistoryBuffer
from tests.engine.runs import make_runner

VALUES = [0.5, 2, 3.25, -1.0, 7, 0.125, 4, 1.5]


def buffers(max_length=1_000_000, limit=1000, tensors=True):
    """The same history in mmengine's buffer and in ours."""
    plain = HistoryBuffer([9.0], [2], max_length)
    lazy = LazyHistoryBuffer([9.0], [2], max_length)
    lazy.LIMIT = limit
    for number, value in enumerate(VALUES):
        plain.update(value, number + 1)
        as_tensor = tensors and number % 3
        lazy.update(torch.tensor(float(value)) if as_tensor else value, number + 1)
    return plain, lazy


@pytest.mark.parametrize('max_length', [1_000_000, 5, 1])
@pytest.mark.parametrize('limit', [1000, 3, 1])
@pytest.mark.parametrize('tensors', [True, False])
def test_statistics_are_mmengines(max_length, limit, tensors):
    plain, lazy = buffers(max_length, limit, tensors)
    for name in ('mean', 'max', 'min'):
        for window in (None, 1, 3, 100):
            found = lazy.statistics(name, window)
            assert found == plain.statistics(name, window)
    assert lazy.current() == plain.current() == VALUES[-1]
    for found, expected in zip(lazy.data, plain.data):
        assert np.array_equal(found, expected)


def test_reading_between():
    plain, lazy = buffers()
    for value in (3.0, 4.0):
        plain.update(value)
        lazy.update(torch.tensor(value))
        assert lazy.mean(2) == plain.mean(2)


@pytest.mark.parametrize(
    'duplicate', [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))]
)
def test_copies_are_mmengines(duplicate):
    plain, lazy = buffers(max_length=6)
    found = duplicate(lazy)
    assert type(found) is HistoryBuffer
    assert found.max_length == 6
    for a, b in zip(found.data, plain.data):
        assert np.array_equal(a, b)


def test_the_log_is_as_ever(tmp_path):
    """Logged values and a resumed history equal those of mmengine's hook."""
    logs = []
    for hook in ('LazyRuntimeInfoHook', 'RuntimeInfoHook'):
        work_dir = tmp_path / hook
        settings = {
            'default_hooks.runtime_info.type': hook,
            'default_hooks.logger.interval': 5,
        }
        make_runner(work_dir, **settings, **{'train_cfg.max_epochs': 2}).train()
        runner = make_runner(work_dir, **settings, resume=True)
        runner.train()
        # One file, or two if the second training began in another second.
        files = sorted(work_dir.glob('*/vis_data/scalars.json'))
        lines = ''.join(file.read_text() for file in files).splitlines()
        logs.append((lines, runner.message_hub))
    (lines, hub), (expected_lines, expected_hub) = logs
    assert len(lines) == len(expected_lines) > 7
    for name in ('train/loss', 'train/lr'):
        found, expected = (h.get_scalar(name).data[0] for h in (hub, expected_hub))
        assert len(found) == 36
        assert np.array_equal(found, expected)
    type_of = type(hub.get_scalar('train/loss'))
    assert type_of is LazyHistoryBuffer

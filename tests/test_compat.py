"""Each workaround does its job, and its upstream problem still exists."""

import pickle
import subprocess
import sys

import mmengine
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import CheckpointLoader

from mmlt_plugin import compat
from mmlt_plugin.datasets import Digits
from mmlt_plugin.errors import ConfigError


def make_hub(name):
    hub = MessageHub.get_instance(name)
    for i in range(5):
        hub.update_scalar('train/loss', 0.5**i)
    hub.update_info('best_score', torch.tensor(3.0).numpy()[()])
    return hub


def test_log_history_survives_as_plain_data(tmp_path):
    hub = make_hub('plain')
    path = tmp_path / 'checkpoint.pth'
    torch.save(dict(message_hub=hub.state_dict()), path)
    state = torch.load(path, weights_only=True)['message_hub']
    restored = MessageHub.get_instance('restored')
    restored.load_state_dict(state)
    buffer = restored.get_scalar('train/loss')
    assert isinstance(buffer, HistoryBuffer)
    assert buffer.mean() == pytest.approx(sum(0.5**i for i in range(5)) / 5)
    restored.update_scalar('train/loss', 1.0)
    assert restored.get_info('best_score') == 3.0


def test_upstream_still_pickles_history_buffers(tmp_path):
    path = tmp_path / 'checkpoint.pth'
    state = MessageHub.state_dict.mmlt_original(make_hub('upstream'))
    torch.save(dict(message_hub=state), path)
    with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
        torch.load(path, weights_only=True)


def test_checkpoints_of_plain_mmengine_load(tmp_path):
    hub = make_hub('old')
    path = tmp_path / 'old.pth'
    state = MessageHub.state_dict.mmlt_original(hub)
    torch.save(dict(message_hub=state, state_dict=dict(w=torch.ones(2))), path)
    loaded = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    buffer = loaded['message_hub']['log_scalars']['train/loss']
    assert buffer.mean() == hub.get_scalar('train/loss').mean()
    MessageHub.get_instance('from_old').load_state_dict(loaded['message_hub'])


class Payload:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'payload',
    [
        Payload(print, 'ran'),
        Payload(getattr, dict, 'fromkeys'),
        Payload(getattr, 'a', 'upper'),
    ],
    ids=['function', 'getattr of a class', 'getattr of a string'],
)
def test_code_in_checkpoints_does_not_run(tmp_path, capsys, payload):
    path = tmp_path / 'foreign.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(1)), extra=payload), path)
    with pytest.raises(ConfigError, match=r'foreign\.pth holds more than tensors'):
        CheckpointLoader.load_checkpoint(str(path))
    assert 'ran' not in capsys.readouterr().out


def test_broken_checkpoints_are_named(tmp_path):
    path = tmp_path / 'whole.pth'
    torch.save(dict(w=torch.ones(1000)), path)
    broken = tmp_path / 'broken.pth'
    for content in (path.read_bytes()[:2000], b'', b'no checkpoint at all'):
        broken.write_bytes(content)
        with pytest.raises(ConfigError, match=r'broken\.pth'):
            CheckpointLoader.load_checkpoint(str(broken))
    with pytest.raises(FileNotFoundError, match='nowhere'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'nowhere.pth'))


def test_applying_twice_changes_nothing():
    before = MessageHub.state_dict
    compat.apply()
    assert MessageHub.state_dict is before


HIDE = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == 'mmpretrain' else find(name, *a)
import mmlt_plugin
"""


def test_missing_openmmlab_is_said_in_one_sentence():
    done = subprocess.run([sys.executable, '-c', HIDE], capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('ImportError: mmlt_plugin needs mmpretrain')
    assert '.[openmmlab]' in last
    assert '.[onedl]' in last


MISMATCH = """
import sys, types
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == 'torchvision':
            raise RuntimeError('operator torchvision::nms does not exist')
sys.meta_path.insert(0, Broken())
import mmlt_plugin
"""


def test_mismatched_torchvision_is_explained():
    done = subprocess.run(
        [sys.executable, '-c', MISMATCH], capture_output=True, text=True
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('ImportError: torchvision does not fit torch')


@pytest.mark.skipif(torch.cuda.is_available(), reason='the machine has CUDA')
def test_upstream_still_needs_cuda_to_launch(monkeypatch):
    for name, value in dict(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1').items():
        monkeypatch.setenv(name, value)
    with pytest.raises((AttributeError, RuntimeError, AssertionError)):
        mmengine.dist.init_dist('pytorch', backend='gloo')


@pytest.mark.skipif(torch.cuda.is_available(), reason='the machine has CUDA')
def test_the_configs_own_ddp_settings_stay(monkeypatch):
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    own = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
    cfg = Config(dict(launcher='pytorch', model_wrapper_cfg=own))
    compat.distributed_needs_cuda(cfg)
    assert cfg.model_wrapper_cfg == dict(
        **own, broadcast_buffers=False, device_ids=None
    )


def test_without_launcher_nothing_changes():
    cfg = Config(dict(launcher='none'))
    compat.distributed_needs_cuda(cfg)
    assert 'model_wrapper_cfg' not in cfg


def subset_with_old_memo(dataset, method):
    """Take a subset after another dataset's transform lay where this one's lies."""
    memo = (method.__defaults__ or [None])[0]
    if isinstance(memo, dict):
        memo[id(dataset.pipeline.transforms[0])] = 'an old copy'
    return method(dataset).pipeline.transforms[0]


def test_subsets_have_their_own_pipeline():
    dataset = Digits(split='train', pipeline=[dict(type='Resize', scale=16)])
    found = subset_with_old_memo(dataset, BaseDataset._copy_without_annotation)
    assert type(found) is type(dataset.pipeline.transforms[0])
    again = dataset.get_subset([0, 1])
    assert again.pipeline is not dataset.pipeline


def test_upstream_still_mixes_subsets_up():
    original = getattr(BaseDataset._copy_without_annotation, 'mmlt_original', None)
    if original is None:
        pytest.skip('this distribution of mmengine has mended it')
    dataset = Digits(split='train', pipeline=[dict(type='Resize', scale=16)])
    assert subset_with_old_memo(dataset, original) == 'an old copy'

"""Every config trains an iteration, saves, resumes in float16, and tests its checkpoint.

It does so on a device that is not the host, as a GPU is not, without waiting for it.

Of the two CIFARs, imbalance ratios, depths, years, epochs and shot splits of one method it is one
that does; the others are shown to differ in numbers only, and test_configs.py builds their models.
"""

import gc
import itertools
import re
from contextlib import contextmanager

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.datasets import CIFAR10
from mmpretrain.registry import HOOKS, LOOPS, MODELS, OPTIM_WRAPPERS

from mmlt_plugin.scripts.careful_runner import build_runner
from tests.conftest import ROOT
from tests.pretend_device import waits
from tests.small_configs import few_blocks, read_some, save_experts, small_config
from tests.test_configs import LEAVES, own_images  # noqa: F401 - a fixture


@LOOPS.register_module()
class OneIterationEpochs(EpochBasedTrainLoop):
    """Epochs of one iteration, at the end of the data, where a batch may be short."""

    def run_epoch(self):
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, batch in enumerate(itertools.islice(self.dataloader, 1)):
            self.run_iter(idx, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


#: What makes two configs alike: CIFARs, imbalance ratios, depths, years, epochs, splits.
ALIKE = [
    (r'cifar10-lt', 'cifar100-lt'),
    (r'-if(10|50)(?=[_.])', '-if100'),
    (r'resnext101_', 'resnext50_'),
    (r'resnet152_inat', 'resnet50_inat'),
    (r'inat2017', 'inat2018'),
    (r'_2x(?=[_.])', '_1x'),
    (r'_180e(?=[_.])', ''),
    (r'_(medium|few)(?=\.)', '_many'),
]
#: By leaf the one it is like.
LIKE = {
    leaf: other
    for leaf in LEAVES
    for pattern, instead in ALIKE
    for other in [re.sub(pattern, instead, leaf)]
    if other != leaf and other in LEAVES
}


class Interruption(Exception):
    pass


@HOOKS.register_module()
class InterruptionHook(Hook):
    """End the training after its first epoch has been saved."""

    priority = 'LOWEST'

    def after_train_epoch(self, runner):
        raise Interruption


@HOOKS.register_module()
class NoWaitingHook(Hook):
    """Check that nothing waits for the device from the batch to the optimizer's step."""

    priority = 'HIGHEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        waits.clear()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        # mmpretrain's mixup and CutMix draw their partners on the host.
        mixes = runner.model.data_preprocessor.batch_augments is not None
        assert set(waits) <= ({'index of the host'} if mixes else set()), dict(waits)


@OPTIM_WRAPPERS.register_module()
class Float16(OptimWrapper):
    """Mixed precision without a scaled loss, which two iterations do not need."""

    @contextmanager
    def optim_context(self, model):
        with (
            super().optim_context(model),
            torch.autocast(get_device(), dtype=torch.float16),
        ):
            yield


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """Use the first 6,000 real images of CIFAR, read once, and save time elsewhere."""
    monkeypatch.setattr(CIFAR10, 'load_data_list', read_some)
    few_blocks(monkeypatch)
    # mmengine collects garbage for every dataset and lays every config out by yapf.
    monkeypatch.setattr(gc, 'collect', lambda *_: 0)
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: repr(cfg)))


def without_numbers(value):
    if isinstance(value, dict):
        return {
            key: without_numbers(item)
            for key, item in value.items()
            if not str(key).startswith('_')  # names that only the file uses
        }
    if isinstance(value, (list, tuple)):
        return [without_numbers(item) for item in value]
    if isinstance(value, str):
        return re.sub(r'\d+', 'number', re.sub(r'\b(medium|few)\b', 'many', value))
    return 'number' if isinstance(value, (int, float)) else value


@pytest.mark.parametrize('leaf', LIKE)
def test_the_others_differ_in_numbers_only(leaf):
    cfg, like = (
        Config.fromfile(ROOT / 'configs' / name) for name in (leaf, LIKE[leaf])
    )
    assert without_numbers(cfg.to_dict()) == without_numbers(like.to_dict())


@pytest.mark.usefixtures('off_the_host')
@pytest.mark.parametrize('leaf', [leaf for leaf in LEAVES if leaf not in LIKE])
def test_config(leaf, cifar_root, tmp_path):
    cfg = small_config(leaf, cifar_root, tmp_path)
    experts = []
    if 'experts' in cfg.default_hooks:
        experts = save_experts(leaf, cifar_root, tmp_path)
        cfg.default_hooks.experts.checkpoints = experts
    if 'second_stage' in cfg.default_hooks:
        first_stage = tmp_path / 'first_stage.pth'
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), first_stage)
        cfg.load_from = str(first_stage)
    cfg.custom_hooks = [dict(type='NoWaitingHook'), dict(type='InterruptionHook')]
    with pytest.raises(Interruption):
        build_runner(cfg).train()
    assert (tmp_path / 'epoch_1.pth').exists()

    cfg = small_config(leaf, cifar_root, tmp_path)
    cfg.resume = True
    cfg.custom_hooks = [dict(type='NoWaitingHook')]
    cfg.optim_wrapper.type = 'Float16'
    if experts:
        cfg.default_hooks.experts.checkpoints = experts
    cfg.experiment_name += '_resumed'
    runner = build_runner(cfg)
    runner.train()
    assert (runner.epoch, runner.iter) == (2, 2)

    cfg = small_config(leaf, cifar_root, tmp_path)
    cfg.load_from = str(tmp_path / 'epoch_2.pth')
    cfg.experiment_name += '_tested'
    metrics = build_runner(cfg).test()
    assert 0 <= metrics['shot/all'] <= 100

"""Every config trains an iteration, saves, resumes in float16, and tests its checkpoint.

It does so on a device that is not the host, as a GPU is not, without waiting for it.

Of the imbalance ratios, depths, years, epochs and shot splits of one method it is one that does;
the others are shown to differ in numbers only, and test_configs.py builds their models.
"""

import gc
import itertools
import re
from contextlib import contextmanager
from copy import deepcopy

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from mmpretrain.datasets import CIFAR10, CIFAR100
from mmpretrain.registry import DATASETS, HOOKS, LOOPS, MODELS, OPTIM_WRAPPERS

from mmlt_plugin.datasets import ImageFolderDataset
from mmlt_plugin.datasets.image_list import BenchmarkList
from mmlt_plugin.scripts.careful_runner import build_runner
from tests.conftest import ROOT
from tests.pretend_device import waits
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


#: What makes two configs alike: imbalance ratios, depths, years, epochs and shot splits.
ALIKE = [
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
#: Beginnings of the names of configs with models that fill the memory.
LARGE = ('resnet152', 'resnext', 'resnet50')
images = {}
cache = {}
collect = gc.collect
read_all = CIFAR10.load_data_list


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
    """Nothing waits for the device from the batch to the optimizer's step."""

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


@DATASETS.register_module()
class CIFARWithManyClasses(CIFAR100):
    """Real CIFAR images in the place of a data set that is not here."""

    def __init__(self, many_classes, **kwargs):
        self.many_classes = many_classes
        super().__init__(**kwargs)
        self._metainfo['classes'] = tuple(map(str, range(many_classes)))

    def load_data_list(self):
        infos = super().load_data_list()
        for number, info in enumerate(infos):
            info['gt_label'] = number % self.many_classes
        return infos


@pytest.fixture(autouse=True)
def few_images(monkeypatch, request):
    """The first 6,000 real images of CIFAR's files, read once; what else saves time."""
    monkeypatch.setattr(CIFAR10, 'load_data_list', read_some)
    # mmengine collects garbage for every dataset and lays every config out by yapf.
    monkeypatch.setattr(gc, 'collect', lambda *_: 0)
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: repr(cfg)))
    yield
    if request.node.callspec.params['leaf'].partition('/')[2].startswith(LARGE):
        collect()  # they would pile up


def read_some(dataset):
    key = (type(dataset).base_folder, dataset.split)
    if key not in images:
        images[key] = read_all(dataset)[:6000]
    return [dict(info) for info in images[key]]


def shrink(value):
    """A pipeline for images in memory, of 64 instead of 224 pixels."""
    if isinstance(value, dict):
        small = {key: shrink(item) for key, item in value.items()}
        for key in ('scale', 'crop_size'):
            if key in small and isinstance(small[key], int):
                small[key] = small[key] * 64 // 224
        return small
    if isinstance(value, (list, tuple)):
        items = [v for v in value if not str(v).find("'LoadImageFromFile'") >= 0]
        return type(value)(shrink(item) for item in items)
    return value


def without_downloads(value):
    if isinstance(value, dict):
        init = value.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            value['init_cfg'] = None
        for item in value.values():
            without_downloads(item)


def few_or_all(cfg):
    """Few images where all of them are looked at, one a class for means of features."""
    if 'class_means' in cfg.default_hooks:
        return cfg.data_preprocessor.num_classes
    return 8 if 'experts' in cfg.default_hooks else None


#: Thresholds by which all classes are in a shot split, however few images there are.
ALL_IN = {
    'many': dict(many=0, few=0),
    'medium': dict(many=10**9, few=0),
    'few': dict(many=10**9, few=10**9),
}


def save_experts(leaf, cifar_root, folder):
    """Checkpoints of untrained experts, as a student's config wants them."""
    paths = []
    for number, split in enumerate(ALL_IN):
        name = leaf.replace('.py', f'_{split}.py')
        cfg = small_config(name, cifar_root, folder)
        model = MODELS.build(cfg.model)
        # Every third class: few images have some of each expert's.
        model.head.own.copy_(
            torch.arange(cfg.data_preprocessor.num_classes) % 3 == number
        )
        text = '\n'.join(
            f'{key} = {cfg[key].to_dict()!r}' for key in ('model', 'data_preprocessor')
        )
        paths.append(str(folder / f'{split}.pth'))
        torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=text)), paths[-1])
    return paths


def small_config(leaf, cifar_root, work_dir):
    if leaf not in cache:
        cache.clear()  # of the leaf before
        cache[leaf] = Config.fromfile(ROOT / 'configs' / leaf)
    cfg = deepcopy(cache[leaf])
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.experiment_name = str(work_dir).replace('/', '_')
    without_downloads(cfg.model)
    if cfg.model.backbone.get('depth', 0) > 50:  # test_configs.py builds them all
        cfg.model.backbone.depth = 50
    if 'feature_size' in cfg.model.get('neck', {}):
        cfg.model.neck.feature_size = 2  # of 64 pixels
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg[name]
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.collate_fn = dict(type='default_collate')
        dataset = loader.dataset
        kind = DATASETS.get(dataset.type)
        if issubclass(kind, (BenchmarkList, ImageFolderDataset)):
            loader.dataset = dict(
                type='CIFARWithManyClasses',
                many_classes=cfg.data_preprocessor.num_classes,
                data_root=cifar_root,
                split='test',
                pipeline=shrink(dataset.pipeline),
                indices=few_or_all(cfg) if name == 'train_dataloader' else 8,
            )
        else:
            while 'dataset' in dataset:
                dataset = dataset.dataset
            if 'data_root' in dataset:
                dataset.data_root = cifar_root
            if 'experts' in cfg.default_hooks:
                dataset.indices = 800
            if name != 'train_dataloader' and dataset.get('split') == 'test':
                dataset.indices = 8
    # The test at the end is evaluation enough.
    cfg.train_cfg = dict(type='OneIterationEpochs', max_epochs=2, val_begin=9)
    cfg.default_hooks.checkpoint.interval = 1
    if 'deferred_recipe' in cfg.default_hooks:
        cfg.default_hooks.deferred_recipe.schedule[0].action_epoch = 2
    sampler = cfg.train_dataloader.sampler
    if sampler.type == 'DeferredSampler':
        sampler.action_epoch = 2
    if sampler.type == 'ShotSplitSampler':
        sampler.update(ALL_IN[sampler.split])
        cfg.model.head.update(ALL_IN[sampler.split])
    if 'experts' in cfg.default_hooks:
        cfg.default_hooks.experts.dataset = None  # CIFAR has no validation split
    return cfg


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

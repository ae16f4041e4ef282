"""Configs of the project, made small enough to train an iteration on a few real images."""

from copy import deepcopy

import torch
from mmengine.config import Config
from mmpretrain.datasets import CIFAR10, CIFAR100
from mmpretrain.models import ResNet, ResNeXt
from mmpretrain.registry import DATASETS, MODELS

from mmlt_plugin.datasets import ImageFolderDataset
from mmlt_plugin.datasets.benchmark_list import BenchmarkList
from tests.conftest import ROOT

images = {}
cache = {}
read_all = CIFAR10.load_data_list


@DATASETS.register_module()
class CIFARWithManyClasses(CIFAR100):
    """Real CIFAR images instead of a data set that is not available."""

    def __init__(self, many_classes, **kwargs):
        self.many_classes = many_classes
        super().__init__(**kwargs)
        self._metainfo['classes'] = tuple(map(str, range(many_classes)))

    def load_data_list(self):
        infos = super().load_data_list()
        for number, info in enumerate(infos):
            info['gt_label'] = number % self.many_classes
        return infos


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


def small_model(value):
    """Without downloads, a quarter as wide, with the fewest blocks that can be split."""
    if isinstance(value, dict):
        if value.get('type') in ('ResNet', 'ResNeXt'):
            value['base_channels'] = 16
        if value.get('type') == 'ResNeXt':
            value['width_per_group'] = 1
        if value.get('in_channels') in (1536, 2048, 4096):  # from these nets
            value['in_channels'] //= 4
        init = value.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            value['init_cfg'] = None
        if value.get('type') == 'CIFARResNet':
            value['depth'] = 14
        elif value.get('depth', 0) > 50:  # test_configs.py builds them all
            value['depth'] = 50
        for item in value.values():
            small_model(item)


def few_blocks(monkeypatch):
    """Reduce mmpretrain's ResNet-50s to five blocks."""
    for net in (ResNet, ResNeXt):
        block, _ = net.arch_settings[50]
        monkeypatch.setitem(net.arch_settings, 50, (block, (1, 1, 1, 2)))


def few_or_all(cfg):
    """A small number of images for configs that look at all of them; otherwise None."""
    if 'class_means' in cfg.default_hooks:
        # Of one class in two there are two.
        return cfg.data_preprocessor.num_classes * 3 // 2
    return 8 if 'experts' in cfg.default_hooks else None


#: Thresholds by which all classes are in a shot split, however few images there are.
ALL_IN = {
    'many': dict(many=0, few=0),
    'medium': dict(many=10**9, few=0),
    'few': dict(many=10**9, few=10**9),
}


def save_experts(leaf, cifar_root, folder):
    """Checkpoints of untrained experts for a student's config."""
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
    small_model(cfg.model)
    if 'feature_size' in cfg.model.get('neck', {}):
        cfg.model.neck.feature_size = 2  # of 64 pixels
    # Thousands of classes make large files; sizes of groups are sums of theirs.
    head = cfg.model.head.get('head', cfg.model.head)
    if not isinstance(head.get('groups'), list):
        few = min(cfg.data_preprocessor.num_classes, 100)
        cfg.data_preprocessor.num_classes = head.num_classes = few
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
            if few_or_all(cfg):
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
    if 'min_images' in sampler:  # classes with two images are base classes
        sampler.min_images = cfg.model.head.few = 2
    if 'novel' in cfg.model.head:
        cfg.model.head.update(novel=1, exemplars=1)
        cfg.train_dataloader.batch_sampler.update(
            novel=1, images_per_class=2, min_images=2
        )
    if 'experts' in cfg.default_hooks:
        cfg.default_hooks.experts.dataset = None  # CIFAR has no validation split
    return cfg

"""Every config builds, holds the published hyper-parameters and is listed."""

import math
import re
from pathlib import Path

import modelindex
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmpretrain.registry import DATASETS, HOOKS, METRICS, MODELS
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmlt_plugin.datasets import INaturalist
from mmlt_plugin.datasets.benchmark_list import BenchmarkList
from mmlt_plugin.scripts.preflight import unfinished_schedules
from tests.conftest import ROOT

LEAVES = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('[!_]*/*.py')
)
#: As the metafiles list them; no number for the user's own images.
PARAMETERS = {
    leaf: int(number)
    for file in (ROOT / 'configs').glob('*/metafile.yml')
    for leaf, number in re.findall(
        r'Config: configs/(\S+)\n(?:.*\n){2} +Parameters: (\d+)', file.read_text()
    )
}
# alpha and groups of the released scripts, by classes and imbalance ratio.
RESLT = {
    ('10', '100'): (0.998, [2, 2, 6]),
    ('10', '50'): (0.998, [2, 2, 6]),
    ('10', '10'): (0.96, [2, 2, 6]),
    ('100', '100'): (0.995, [35, 35, 30]),
    ('100', '50'): (0.99, [35, 35, 30]),
    ('100', '10'): (0.72, [35, 35, 30]),
}


@pytest.fixture(autouse=True)
def own_images(tmp_path, monkeypatch):
    """A folder for the configs that read the user's own images."""
    for label in 'abcd':
        (tmp_path / 'images' / 'train' / label).mkdir(parents=True)
    monkeypatch.setenv('DATA', str(tmp_path / 'images'))


def all_of(configs):
    return configs if isinstance(configs, list) else [configs]


def load(leaf):
    return Config.fromfile(ROOT / 'configs' / leaf)


@pytest.mark.smoke
@pytest.mark.parametrize('leaf', LEAVES)
def test_config_builds(leaf):
    cfg = load(leaf)
    assert 'mmlt_plugin' in cfg.custom_imports.imports
    assert unfinished_schedules(cfg) == []
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    parameters = sum(p.numel() for p in model.parameters())
    assert PARAMETERS.get(leaf, parameters) == parameters
    METRICS.build(cfg.test_evaluator)
    for name, hook in cfg.default_hooks.items():
        if name != 'visualization':  # wants a running visualizer
            HOOKS.build(hook)
    classes = {
        module.num_classes
        for module in model.modules()
        if hasattr(module, 'num_classes')
    }
    classes -= {None}
    assert classes == {cfg.data_preprocessor.num_classes}
    large = issubclass(DATASETS.get(cfg.train_dataloader.dataset.type), BenchmarkList)
    devices = 4 if large else 1
    assert (
        cfg.auto_scale_lr.base_batch_size == devices * cfg.train_dataloader.batch_size
    )
    if large:
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            dataset = DATASETS.get(loader.dataset.type)
            if dataset is INaturalist:
                assert classes == {dataset.CLASSES_OF_YEAR[loader.dataset.year]}
            else:
                assert classes == {dataset.NUM_CLASSES}


@pytest.mark.parametrize('method', ['ce', 'reslt'])
@pytest.mark.parametrize(('classes', 'ratio'), RESLT)
def test_hyper_parameters_of_the_released_scripts(method, classes, ratio):
    cfg = load(f'{method}/resnet32_cifar{classes}-lt-if{ratio}.py')
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    assert cfg.train_cfg.max_epochs == 200
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.drop_last) == (128, True)
    assert loader.dataset.imbalance_factor == 1 / int(ratio)
    assert loader.dataset.dataset.type == f'CIFAR{classes}'
    assert cfg.test_dataloader.dataset.type == f'CIFAR{classes}'
    if method == 'reslt':
        alpha, groups = RESLT[classes, ratio]
        assert (cfg.model.head.loss.alpha, cfg.model.head.groups) == (alpha, groups)


@pytest.mark.parametrize(('classes', 'ratio'), RESLT)
def test_hyper_parameters_of_bbns_released_configs(classes, ratio):
    cfg = load(f'bbn/resnet32_cifar{classes}-lt-if{ratio}.py')
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=0.1, momentum=0.9, weight_decay=2e-4, nesterov=True
    )
    assert cfg.train_cfg.max_epochs == 200
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.batch_sampler.drop_last) == (128, True)
    assert loader.batch_sampler.get('other') is None, 'the reversed sampler'
    assert loader.dataset.imbalance_factor == 1 / int(ratio)
    assert loader.dataset.dataset.type == f'CIFAR{classes}'
    assert cfg.default_hooks.cumulative_alpha.schedule == 'parabolic'


@pytest.mark.parametrize(('classes', 'ratio'), RESLT)
def test_hyper_parameters_of_the_released_causal_configs(classes, ratio):
    cfg = load(f'tde/resnet32_cifar{classes}-lt-if{ratio}.py')
    assert cfg.optim_wrapper.optimizer == dict(
        type='SGD', lr=0.2, momentum=0.9, weight_decay=5e-4, nesterov=False
    )
    assert cfg.train_cfg.max_epochs == 200
    assert cfg.train_dataloader.batch_size == 256
    assert cfg.train_dataloader.drop_last
    assert cfg.train_dataloader.dataset.imbalance_factor == 1 / int(ratio)
    assert cfg.model.head.alpha == (1.0 if classes == '10' else 1.5)
    head = MODELS.build(dict(cfg.model.head))
    settings = (head.num_heads, head.tau, head.gamma, head.momentum)
    assert settings == (2, 16, 1 / 32, 0.9)


def reslt_learning_rate(epoch):
    k = min((epoch + 1) / 5, 1)
    return 0.1 * ((1 - k) / 3 + k) * 0.1 ** ((epoch >= 160) + (epoch >= 180))


def bbn_learning_rate(epoch):
    """Learning rate of the released code with PyTorch 1.0, epochs counted from 0."""
    warmup = 1 / 3 + 2 / 3 * min(epoch / 5, 1)
    return 0.1 * warmup * 0.01 ** ((epoch >= 120) + (epoch >= 160))


def imagenet_learning_rate(epoch):
    if epoch < 5:
        return 0.1 * (epoch + 1) / 5
    return 0.05 * (1 + math.cos(math.pi * (epoch - 4) / 176))


def causal_learning_rate(epochs):
    return lambda epoch: 0.1 * (1 + math.cos(math.pi * epoch / epochs))


def inat_learning_rate(epoch):
    return 0.05 * (1 + math.cos(math.pi * epoch / 200))


def places_learning_rate(epoch):
    return 0.025 * (1 + math.cos(math.pi * epoch / 30))


def inat_bbn_learning_rate(first, second):
    return lambda epoch: 0.05 * 0.1 ** ((epoch >= first) + (epoch >= second))


@pytest.mark.parametrize(
    ('leaf', 'expected'),
    [
        ('ce/resnet32_cifar100-lt-if100', reslt_learning_rate),
        ('reslt/resnet32_cifar100-lt-if100', reslt_learning_rate),
        ('bbn/resnet32_cifar100-lt-if100', bbn_learning_rate),
        ('tde/resnet32_cifar10-lt-if100', lambda e: 2 * bbn_learning_rate(e + 1)),
        ('tde/resnext50_imagenet-lt', causal_learning_rate(90)),
        ('tde/resnext50_imagenet-lt_180e', causal_learning_rate(180)),
        ('reslt/resnext50_imagenet-lt', imagenet_learning_rate),
        ('reslt/resnext101_imagenet-lt', lambda e: imagenet_learning_rate(e) / 2),
        ('reslt/resnet152_places-lt', places_learning_rate),
        ('reslt/resnet50_inat2018', inat_learning_rate),
        ('bbn/resnet50_inat2018_2x', inat_bbn_learning_rate(120, 160)),
        ('bbn/resnet50_inat2017_1x', inat_bbn_learning_rate(60, 80)),
    ],
)
def test_learning_rates_are_the_released_codes(leaf, expected):
    cfg = load(f'{leaf}.py')
    lr = cfg.optim_wrapper.optimizer.lr
    optimizer = OptimWrapper(
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    )
    schedulers = [
        PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=optimizer))
        for scheduler in all_of(cfg.param_scheduler)
    ]
    for epoch in range(cfg.train_cfg.max_epochs):
        assert optimizer.get_lr()['lr'][0] == pytest.approx(expected(epoch)), epoch
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


@pytest.mark.parametrize(
    ('leaf', 'alpha', 'groups', 'tau', 'weight_decay'),
    [
        ('resnet10_imagenet-lt', 0.99, [175, 605, 220], 0.3, 5e-4),
        ('resnext50_imagenet-lt', 0.99, [175, 605, 220], 0.7, 5e-4),
        ('resnext101_imagenet-lt', 0.99, [175, 605, 220], 0.7, 5e-4),
        ('resnet50_inat2018', 0.85, [1542, 6600], 0.0, 1e-4),
    ],
)
def test_hyper_parameters_of_the_large_released_scripts(
    leaf, alpha, groups, tau, weight_decay
):
    cfg = load(f'reslt/{leaf}.py')
    head = cfg.model.head
    assert (head.loss.alpha, head.groups, head.tau) == (alpha, groups, tau)
    pool = 'before' if leaf.startswith('resnet10') else 'after'
    assert (head.pool, head.eval_pool) == (pool, 'before')
    assert cfg.optim_wrapper.optimizer.weight_decay == weight_decay
    assert not cfg.optim_wrapper.optimizer.get('nesterov')
    assert cfg.model.backbone.get('zero_init_residual') in (None, False)


@pytest.mark.parametrize(
    ('leaf', 'parameters'),
    [
        ('reslt/resnext50_imagenet-lt', 37_624_104),
        ('reslt/resnet10_imagenet-lt', 6_208_296),
        ('bbn/resnet50_inat2018_2x', 27_970_624 + 33_357_774),
    ],
)
def test_parameters_of_the_official_models(leaf, parameters):
    cfg = load(f'{leaf}.py')
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_cifar_policy_is_the_published_one():
    """The policy equals torchvision's for images of 32 pixels."""
    found = load('reslt/resnet32_cifar100-lt-if100_mixup-autoaug.py')
    found = found.train_dataloader.dataset.dataset.pipeline[2].policies
    augment = AutoAugment(AutoAugmentPolicy.CIFAR10)
    magnitudes = augment._augmentation_space(10, (32, 32))
    for mine, published in zip(found, augment.policies, strict=True):
        for transform, (name, prob, level) in zip(mine, published, strict=True):
            axis = dict(horizontal='X', vertical='Y').get(
                transform.get('direction'), ''
            )
            kind = transform.type.replace('ColorTransform', 'Color') + axis
            assert (kind, transform.prob) == (name, prob)
            if level is None:
                continue
            expected = float(magnitudes[name][0][level])
            if kind == 'Solarize':
                # Thresholds from 255, not 256.
                assert transform.thr == pytest.approx(expected * 256 / 255)
            elif kind.startswith('Translate'):
                assert transform.magnitude * 32 == pytest.approx(expected)
            else:
                keys = dict(Rotate='angle', Posterize='bits')
                value = transform[keys.get(kind, 'magnitude')]
                assert value == pytest.approx(expected)


def test_tables_are_up_to_date(run_tool):
    run_tool('analysis/tables.py', '--check', work_dir=False)


def test_every_config_is_listed_with_its_method():
    index = modelindex.load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    listed = {
        Path(model.config).relative_to('configs').as_posix() for model in index.models
    }
    assert listed == set(LEAVES)
    for leaf in LEAVES:
        method, name = leaf.split('/')
        assert f']({name})' in (ROOT / 'configs' / method / 'README.md').read_text()

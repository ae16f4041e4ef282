"""Every config builds, holds the published hyper-parameters and is listed."""

from pathlib import Path

import modelindex
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmpretrain.registry import HOOKS, METRICS, MODELS

from tests.conftest import ROOT

LEAVES = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('[!_]*/*.py')
)
# alpha and groups of the released scripts, by classes and imbalance ratio.
RESLT = {
    ('10', '100'): (0.998, [2, 2, 6]),
    ('10', '50'): (0.998, [2, 2, 6]),
    ('10', '10'): (0.96, [2, 2, 6]),
    ('100', '100'): (0.995, [35, 35, 30]),
    ('100', '50'): (0.99, [35, 35, 30]),
    ('100', '10'): (0.72, [35, 35, 30]),
}


def load(leaf):
    return Config.fromfile(ROOT / 'configs' / leaf)


@pytest.mark.smoke
@pytest.mark.parametrize('leaf', LEAVES)
def test_config_builds(leaf):
    cfg = load(leaf)
    assert 'mmlt_plugin' in cfg.custom_imports.imports
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    METRICS.build(cfg.test_evaluator)
    for name, hook in cfg.default_hooks.items():
        if name != 'visualization':  # wants a running visualizer
            HOOKS.build(hook)
    classes = {
        module.num_classes
        for module in model.modules()
        if hasattr(module, 'num_classes')
    }
    assert classes - {None} == {cfg.data_preprocessor.num_classes}
    assert cfg.auto_scale_lr.base_batch_size == cfg.train_dataloader.batch_size
    assert cfg.train_dataloader.dataset.type == 'LongTailedDataset'


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


def reslt_learning_rate(epoch):
    k = min((epoch + 1) / 5, 1)
    return 0.1 * ((1 - k) / 3 + k) * 0.1 ** ((epoch >= 160) + (epoch >= 180))


def bbn_learning_rate(epoch):
    """By the epoch from 1, before which the released code steps its schedule."""
    e = epoch + 1
    if e < 5:
        return [0.1 * 7 / 15, 0.06, 0.22 / 3, 0.26 / 3][epoch]
    return 0.1 if e < 120 else 0.001 if e < 160 else 1e-5


@pytest.mark.parametrize(
    ('method', 'expected'),
    [
        ('ce', reslt_learning_rate),
        ('reslt', reslt_learning_rate),
        ('bbn', bbn_learning_rate),
    ],
)
def test_learning_rates_are_the_released_codes(method, expected):
    cfg = load(f'{method}/resnet32_cifar100-lt-if100.py')
    optimizer = OptimWrapper(
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    )
    schedulers = [
        PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=optimizer))
        for scheduler in cfg.param_scheduler
    ]
    for epoch in range(200):
        assert optimizer.get_lr()['lr'][0] == pytest.approx(expected(epoch)), epoch
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


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

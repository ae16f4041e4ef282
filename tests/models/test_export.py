"""Exported models compute the same, also for other numbers of images."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from tests.conftest import ROOT

CONFIGS = [
    'bbn/resnet32_cifar100-lt-if100.py',
    'ce/resnet32_cifar100-lt-if100.py',
    'decoupling/resnet32_cifar100-lt-if100_lws.py',
    'decoupling/resnet32_cifar100-lt-if100_ncm.py',
    'decoupling/resnet32_cifar100-lt-if100_tau-norm.py',
    'elf/resnet32_cifar100-lt-if100.py',
    'fslwf/resnet32_cifar100-lt-if100.py',
    'ldam/resnet32_cifar100-lt-if100_drw.py',
    'oltr/resnet10_imagenet-lt.py',
    'reslt/resnet10_imagenet-lt.py',
    'reslt/resnet32_cifar100-lt-if100.py',
    'ride/resnet32_cifar100-lt-if100.py',
    'tde/resnet32_cifar100-lt-if100.py',
]


@pytest.mark.parametrize('leaf', CONFIGS)
def test_exported_model(leaf):
    torch.manual_seed(0)
    cfg = Config.fromfile(ROOT / 'configs' / leaf)
    model = MODELS.build(cfg.model).eval()
    classes = cfg.data_preprocessor.num_classes
    for module in model.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts([max(1, 500 - 8 * c) for c in range(classes)])
        if hasattr(module, 'set_class_means'):
            module.set_class_means(torch.randn(classes, module.in_channels))
    size = 32 if 'cifar' in leaf else 224
    images = torch.randn(3, 3, size, size)
    batch = torch.export.Dim('batch')
    program = torch.export.export(
        model, (images[:2],), dynamic_shapes=({0: batch},)
    ).module()
    with torch.no_grad():
        torch.testing.assert_close(program(images), model(images))

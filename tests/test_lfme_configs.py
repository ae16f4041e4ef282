"""Students' configs know the work dirs of their experts."""

import pytest
from mmengine.config import Config

from mmlt_plugin.scripts.cli import default_work_dir
from tests.conftest import ROOT


@pytest.mark.parametrize(
    'leaf',
    ['resnet32_cifar100-lt-if100', 'resnet10_imagenet-lt', 'resnet152_places-lt'],
)
def test_configs_find_their_experts(leaf):
    folder = ROOT / 'configs/lfme'
    cfg = Config.fromfile(folder / f'{leaf}.py')
    expected = []
    for split in ('many', 'medium', 'few'):
        expert = Config.fromfile(folder / f'{leaf}_{split}.py')
        work_dir = default_work_dir(f'configs/lfme/{leaf}_{split}.py')
        expected.append(f'{work_dir}/epoch_{expert.train_cfg.max_epochs}.pth')
        head, sampler = expert.model.head, expert.train_dataloader.sampler
        metric = expert.test_evaluator
        for name, default in (('many', 100), ('few', 20)):
            values = {part.get(name, default) for part in (head, sampler, metric)}
            assert len(values) == 1
        assert head.split == sampler.split == split
    assert cfg.default_hooks.experts.checkpoints == expected

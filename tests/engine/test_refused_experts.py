"""What a student and its experts refuse."""

import pytest
import torch
from mmengine.config import Config

from mmlt_plugin.engine import SelfPacedExpertsHook
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LFMEClassifier
from tests.conftest import ROOT
from tests.engine.experts import expert_settings, student_settings
from tests.engine.runs import make_runner


@pytest.mark.parametrize(
    ('checkpoints', 'settings', 'message'),
    [
        ([0, 0], {}, 'are both experts of class 0'),
        ([], {}, 'default_hooks.experts.checkpoints is empty'),
        (
            [0],
            {'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None},
            'leave out --no-validate',
        ),
        (
            [0],
            {'train_cfg': dict(_delete_=True, by_epoch=False, max_iters=3)},
            'counts epochs: set train_cfg.by_epoch=True',
        ),
        (
            [0],
            {'train_cfg': dict(_delete_=True, type='IterBasedTrainLoop', max_iters=3)},
            'counts epochs: set train_cfg.by_epoch=True',
        ),
        ([0], {'model.type': 'ImageClassifier'}, 'needs model.type=LFMEClassifier'),
        (
            [0],
            {'train_dataloader.dataset.imbalance_factor': 0.5},
            'trained on data with other class counts',
        ),
        (
            ['no_expert.pth'],
            {},
            'no_expert.pth is no expert: its head is LinearClsHead',
        ),
        (['no_config.pth'], {}, 'no_config.pth holds no config'),
        (['gone.pth'], {}, 'gone.pth: train that expert first, or give its path'),
    ],
    ids=str,
)
def test_what_is_refused(experts, tmp_path, checkpoints, settings, message):
    torch.save(dict(state_dict={}), tmp_path / 'no_config.pth')
    text = Config.fromfile(ROOT / 'configs/ce/resnet20_digits-lt-if32.py').pretty_text
    model = LFMEClassifier(
        backbone=dict(type='CIFARResNet', depth=20),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
    )
    state = {k: v for k, v in model.state_dict().items() if k != 'expert_weights'}
    torch.save(dict(state_dict=state, meta=dict(cfg=text)), tmp_path / 'no_expert.pth')
    paths = [
        experts[path] if isinstance(path, int) else str(tmp_path / path)
        for path in checkpoints
    ]
    runner = make_runner(tmp_path / 'run', **{**student_settings(paths), **settings})
    with pytest.raises(ConfigError, match=message):
        runner.train()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(threshold=1.0), 'threshold=1.0 of SelfPacedExpertsHook'),
        (dict(threshold=-0.1), 'threshold=-0.1 of SelfPacedExpertsHook'),
        (dict(interval=0), 'interval=0 of SelfPacedExpertsHook'),
        (dict(checkpoints='a.pth'), r"='a.pth' of .* must be a list, \[a.pth\]"),
    ],
)
def test_arguments(settings, message):
    with pytest.raises(ConfigError, match=message):
        SelfPacedExpertsHook(**{'checkpoints': [], **settings})


def test_an_expert_needs_its_sampler(tmp_path):
    settings = expert_settings('few')
    settings['train_dataloader.sampler'] = dict(type='DefaultSampler', shuffle=True)
    with pytest.raises(ConfigError, match="split='few', many=60, few=10"):
        make_runner(tmp_path, **settings).train()

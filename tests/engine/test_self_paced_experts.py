"""Experts and their student trained as a user trains them, and what is refused."""

import pytest
import torch
from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LFMEClassifier
from mmlt_plugin.weights import unwrapped
from tests.conftest import ROOT
from tests.engine.runs import assert_equal, cut_off, final_state, make_runner

THRESHOLDS = dict(many=60, few=10)


def expert_settings(split):
    return {
        'model.head.type': 'ShotSplitHead',
        'model.head.split': split,
        'model.head.many': 60,
        'model.head.few': 10,
        'train_dataloader.drop_last': False,
        'train_dataloader.sampler': dict(
            _delete_=True, type='ShotSplitSampler', split=split, **THRESHOLDS
        ),
    }


def student_settings(checkpoints, **settings):
    return {
        'model.type': 'LFMEClassifier',
        'train_dataloader.sampler': dict(
            _delete_=True, type='ClassBalancedSampler', images_per_class=4
        ),
        'default_hooks.experts': dict(
            type='SelfPacedExpertsHook', checkpoints=checkpoints, **settings
        ),
    }


@pytest.fixture(scope='module')
def experts(tmp_path_factory):
    """Checkpoints of an expert of each split of the digits."""
    paths = []
    for split in ('many', 'medium', 'few'):
        work_dir = tmp_path_factory.mktemp(split)
        runner = make_runner(work_dir, **expert_settings(split))
        runner.train()
        head = unwrapped(runner.model).head
        counts = runner.train_dataloader.dataset.get_gt_labels()
        assert len(head.classes) < 10, len(counts)
        paths.append(str(work_dir / 'epoch_3.pth'))
    return paths


def test_an_expert_is_tested_on_its_own_classes(experts, tmp_path):
    runner = make_runner(
        tmp_path,
        **expert_settings('many'),
        test_evaluator=dict(type='ShotSplitMetric', **THRESHOLDS),
        load_from=experts[0],
    )
    metrics = runner.test()
    assert metrics['shot/many'] > 20
    assert metrics['shot/medium'] == metrics['shot/few'] == 0


@pytest.mark.promise('a resumed run equals an uninterrupted one')
@pytest.mark.parametrize('in_memory', [False, True])
def test_student_learns_and_resumes(experts, tmp_path, in_memory):
    settings = student_settings(experts)
    whole = make_runner(tmp_path / 'whole', in_memory=in_memory, **settings)
    whole.train()
    student = unwrapped(whole.model)
    assert len(student.experts) == 3
    assert student.progress == 2
    assert (student.expert_weights < 1).any(), 'it has caught up with one a little'
    scalars = whole.message_hub.log_scalars
    assert {f'train/loss_{split}' for split in ('many', 'medium', 'few')} <= set(
        scalars
    )
    easiness = student.easiness
    assert float(easiness.max()) == 1
    assert 0 < float(easiness.min()) < 1

    cut_off(tmp_path / 'whole', 2, tmp_path / 'parts')
    resumed = make_runner(
        tmp_path / 'parts', in_memory=in_memory, resume=True, **settings
    )
    resumed.train()
    assert_equal(final_state(tmp_path / 'parts'), final_state(tmp_path / 'whole'))


def test_easiness_is_the_same_from_memory(experts, tmp_path):
    found = []
    for in_memory in (False, True):
        runner = make_runner(
            tmp_path / str(in_memory), in_memory=in_memory, **student_settings(experts)
        )
        runner.train_loop.dataloader  # noqa: B018 - builds the loop
        hook = next(h for h in runner.hooks if hasattr(h, 'checkpoints'))
        hook.before_train(runner)
        found.append((unwrapped(runner.model).easiness, hook.accuracies))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=1e-5)
    assert found[0][1] == pytest.approx(found[1][1])


def test_a_student_is_tested_without_its_experts(experts, tmp_path):
    settings = student_settings(experts)
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}, **settings).train()
    settings = student_settings(['gone.pth'])
    checkpoint = str(tmp_path / 'epoch_1.pth')
    runner = make_runner(tmp_path / 'test', load_from=checkpoint, **settings)
    assert 0 <= runner.test()['shot/all'] <= 100


@pytest.mark.parametrize(
    ('checkpoints', 'settings', 'message'),
    [
        ([0, 0], {}, 'a second expert of many-shot classes'),
        ([], {}, r'checkpoints=\[\] of SelfPacedExpertsHook'),
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
        (['no_config.pth'], {}, 'no_config.pth does not tell its config'),
        (['gone.pth'], {}, 'gone.pth'),
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
    with pytest.raises((ConfigError, FileNotFoundError), match=message):
        runner.train()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(threshold=1.0), 'threshold=1.0 of SelfPacedExpertsHook'),
        (dict(interval=0), 'interval=0 of SelfPacedExpertsHook'),
    ],
)
def test_arguments(settings, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        make_runner(tmp_path, **student_settings([], **settings))

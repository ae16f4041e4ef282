"""Experts and their student in real trainings, and refused settings."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hooks import Hook

from mmlt_plugin.checkpoint_model import model_of_checkpoint
from mmlt_plugin.class_counts import shot_splits
from mmlt_plugin.datasets import Digits
from mmlt_plugin.engine import SelfPacedExpertsHook
from mmlt_plugin.engine.hooks import self_paced_experts_hook
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LFMEClassifier
from mmlt_plugin.scripts.cli import default_work_dir
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
    """Checkpoints of the digits' experts, one per split."""
    paths = []
    for split in ('many', 'medium', 'few'):
        work_dir = tmp_path_factory.mktemp(split)
        runner = make_runner(work_dir, **expert_settings(split))
        runner.train()
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
    assert metrics['shot/many'] > 60, 'chance is 50 of two classes'
    assert metrics['shot/medium'] == metrics['shot/few'] == 0


@pytest.mark.promise('a resumed run equals an uninterrupted one, bit for bit')
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


class Watch(Hook):
    """Record values that the last checkpoint does not contain."""

    priority = 'LOWEST'

    def __init__(self):
        self.progress, self.weights = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.progress.append(unwrapped(runner.model).progress)

    def after_train_epoch(self, runner):
        self.weights.append(unwrapped(runner.model).expert_weights.tolist())


def answers(model, dataset, preprocess):
    """Labels and logits of all digits, without any dataloader."""
    pipeline = Compose([dict(type='Resize', scale=16), dict(type='PackInputs')])
    infos = [dataset.get_data_info(number) for number in range(len(dataset))]
    data = dict(inputs=[pipeline(info)['inputs'] for info in infos])
    with torch.no_grad():
        inputs = preprocess(data)['inputs']
        logits = model.eval().head(model.extract_feat(inputs))
    return [(int(info['gt_label']), row) for info, row in zip(infos, logits)]


def accuracy_of(rows, classes):
    hits = {
        c: [int(z.argmax()) == c for label, z in rows if label == c] for c in classes
    }
    return 100 * sum(sum(h) / len(h) for h in hits.values()) / len(hits)


def test_weights_and_easiness_of_a_training(experts, tmp_path):
    # Compared every two epochs, on the training images of the digits; the experts come in
    # another order, and see images as the student does.
    settings = student_settings(experts[::-1], interval=2, dataset=dict(split='train'))
    runner = make_runner(tmp_path, **settings, **{'data_preprocessor.std': [150.0] * 3})
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    assert sorted(set(watch.progress)) == pytest.approx([2 / 3, 4 / 3, 2])
    assert watch.weights[0] == [1, 1, 1]
    assert watch.weights[1] == watch.weights[2] != [1, 1, 1]

    assert runner.cfg.val_dataloader.dataset.split == 'test', 'that of the validation'
    student = unwrapped(runner.model)
    student.load_state_dict(torch.load(tmp_path / 'epoch_2.pth')['state_dict'])
    preprocess = student.data_preprocessor
    digits = Digits(split='train')
    of_student = answers(student, digits, preprocess)
    dataset = runner.train_dataloader.dataset
    counts = np.bincount(dataset.get_gt_labels())
    splits = shot_splits(counts, **THRESHOLDS)
    expected, easiness, means = [], {}, {}
    for path, (split, classes) in zip(experts, splits.items()):
        expert, _ = model_of_checkpoint(path)
        assert expert.head.classes.tolist() == classes.tolist()
        best = accuracy_of(answers(expert, digits, preprocess), classes)
        (found,) = [e.accuracy for e in student.experts if e.split == split]
        assert found == pytest.approx(best)
        share = accuracy_of(of_student, classes) / best
        expected.append(min(1, max(0, (1 - share) / (1 - 0.3))))
        means[split] = counts[classes].mean()
        rows = answers(expert, dataset, preprocess)
        for number, (label, logits) in enumerate(rows):
            if label in classes:
                easiness[number] = label, split, float(logits.softmax(0)[label])
    assert watch.weights[1] == pytest.approx(expected, abs=1e-5)
    for number, (label, split, confidence) in easiness.items():
        own = [c for other, _, c in easiness.values() if other == label]
        start = means['few'] / means[split]
        share = (confidence - min(own)) / (max(own) - min(own))
        found = float(student.easiness[number])
        assert found == pytest.approx(start + (1 - start) * share, abs=2e-3)


def test_a_student_with_mixup(experts, tmp_path):
    """With mixup the preprocessor makes soft labels in evaluation, too."""
    settings = {
        'model.train_cfg': dict(augments=dict(type='Mixup', alpha=1.0)),
        'model.head.loss.use_soft': True,
        'train_cfg.max_epochs': 1,
    }
    runner = make_runner(tmp_path, **student_settings(experts), **settings)
    runner.train()
    assert unwrapped(runner.model).expert_weights.isfinite().all()


@pytest.mark.parametrize('fp16', [False, True])
def test_precision_is_that_of_the_validation(experts, tmp_path, fp16, monkeypatch):
    runner = make_runner(
        tmp_path,
        **student_settings(experts),
        **{'val_cfg.fp16': fp16, 'train_cfg.max_epochs': 1},
    )
    passes = []
    for name in ('class_accuracies', 'confidences'):
        real = getattr(self_paced_experts_hook, name)

        def watched(*args, real=real):
            passes.append(torch.is_autocast_enabled('cpu'))
            return real(*args)

        monkeypatch.setattr(self_paced_experts_hook, name, watched)
    runner.train()
    assert passes == [fp16] * 3, 'of the experts, all images, and of the student'
    assert unwrapped(runner.model).easiness.dtype == torch.float32


def test_experts_are_laid_out_as_the_student(experts, tmp_path):
    layout = {'default_hooks.channels_last': dict(type='ChannelsLastHook')}
    runner = make_runner(
        tmp_path, **student_settings(experts), **layout, **{'train_cfg.max_epochs': 1}
    )
    runner.train()
    student = unwrapped(runner.model)
    for model in (student, *(expert.model for expert in student.experts)):
        weight = model.backbone.layer2[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)


def test_easiness_is_the_same_from_memory(experts, tmp_path):
    found = []
    for in_memory in (False, True):
        runner = make_runner(
            tmp_path / str(in_memory), in_memory=in_memory, **student_settings(experts)
        )
        runner.train_loop.dataloader  # noqa: B018 - builds the loop
        hook = next(h for h in runner.hooks if hasattr(h, 'checkpoints'))
        hook.before_train(runner)
        student = unwrapped(runner.model)
        accuracies = [expert.accuracy for expert in student.experts]
        found.append((student.easiness, accuracies))
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

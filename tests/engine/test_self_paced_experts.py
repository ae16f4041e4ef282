"""Experts and their student in real trainings."""

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.hooks import Hook

from mmlt_plugin.checkpoint_model import model_of_checkpoint
from mmlt_plugin.class_counts import shot_splits
from mmlt_plugin.datasets import Digits
from mmlt_plugin.engine.hooks import self_paced_experts_hook
from mmlt_plugin.weights import unwrapped
from tests.engine.experts import THRESHOLDS, expert_settings, student_settings
from tests.engine.runs import assert_equal, cut_off, final_state, make_runner


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

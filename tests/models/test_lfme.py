"""LFME's experts, student and curriculum against loops in float64."""

import itertools
import math

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, DefaultSampler, pseudo_collate
from mmpretrain.structures import DataSample
from torch.utils.data import DataLoader

from mmlt_plugin.datasets import (
    Digits,
    LongTailedDataset,
    ShotSplitSampler,
)
from mmlt_plugin.engine.curriculum import first_easiness, within_classes
from mmlt_plugin.engine.expert_passes import class_accuracies, confidences
from mmlt_plugin.engine.hooks.self_paced_experts_hook import expert_weight, mean_of
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LFMEClassifier, ShotSplitHead
from mmlt_plugin.models.classifiers.lfme import Expert
from tests.models.samples import samples

COUNTS = [300, 7, 50, 120, 20, 100, 3]
SPLITS = dict(many=[0, 3], medium=[2, 4, 5], few=[1, 6])
NET = dict(
    backbone=dict(type='CIFARResNet', depth=8),
    neck=dict(type='GlobalAveragePooling'),
    data_preprocessor=dict(mean=[77.0] * 3, std=[96.0] * 3),
)


def make_head(split='medium', **settings):
    torch.manual_seed(0)
    head = ShotSplitHead(7, 5, split=split, cal_acc=True, **settings).double()
    head.set_class_counts(COUNTS)
    return head


@pytest.mark.parametrize('split', SPLITS)
def test_head_is_a_smaller_one(split):
    head, classes = make_head(split), SPLITS[split]
    assert head.classes.tolist() == classes
    feature = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    within = torch.arange(6) % len(classes)
    losses = head.loss((feature,), samples(torch.tensor(classes)[within]))
    logits = feature @ head.fc.weight[classes].T + head.fc.bias[classes]
    expected = torch.nn.functional.cross_entropy(logits, within)
    torch.testing.assert_close(losses['loss'], expected)
    hits = (logits.argmax(1) == within).double().mean() * 100
    torch.testing.assert_close(losses['accuracy_top-1'].double().squeeze(), hits)
    learns = [feature, head.fc.weight, head.fc.bias]
    for a, b in zip(
        torch.autograd.grad(losses['loss'], learns),
        torch.autograd.grad(expected, learns),
    ):
        torch.testing.assert_close(a, b)
    found = head((feature,))
    torch.testing.assert_close(found[:, classes], logits)
    others = [c for c in range(7) if c not in classes]
    assert (found[:, others] == -math.inf).all()


def test_head_remembers_its_classes_and_refuses_none():
    head = make_head('few')
    other = ShotSplitHead(7, 5, split='few').double()
    other.load_state_dict(head.state_dict())
    assert other.classes.tolist() == SPLITS['few']
    with pytest.raises(ConfigError, match="split='few' of ShotSplitHead: no class"):
        head.set_class_counts([30] * 7)
    with pytest.raises(ConfigError, match="split='tail' of ShotSplitHead"):
        ShotSplitHead(7, 5, split='tail')
    with pytest.raises(ConfigError, match='few=3, many=2'):
        ShotSplitHead(7, 5, many=2, few=3)
    with pytest.raises(ConfigError, match='LabelSmoothLoss is infinite'):
        ShotSplitHead(7, 5, loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1))
    mixed = [DataSample().set_gt_score(torch.full((7,), 1 / 7))]
    with pytest.raises(ConfigError, match='ShotSplitHead got soft labels'):
        head.loss((torch.randn(1, 5, dtype=torch.float64),), mixed)


def test_head_wants_its_sampler():
    dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
    head = make_head('few', many=60, few=10)
    head.check_sampler(ShotSplitSampler(dataset, 'few', many=60, few=10))
    for other in (
        ShotSplitSampler(dataset, 'many', many=60, few=10),
        ShotSplitSampler(dataset, 'few', many=60, few=9),
        DefaultSampler(dataset),
    ):
        with pytest.raises(ConfigError, match="'few', many=60, few=10"):
            head.check_sampler(other)


def make_expert(split, seed, classes=7, counts=COUNTS):
    torch.manual_seed(seed)
    head = dict(type='ShotSplitHead', num_classes=classes, in_channels=64, split=split)
    expert = LFMEClassifier(**NET, head=head)
    expert.head.set_class_counts(counts)
    return expert.eval()


def make_student(temperature=2.0):
    torch.manual_seed(0)
    head = dict(type='LinearClsHead', num_classes=7, in_channels=64)
    return LFMEClassifier(**NET, head=head, temperature=temperature)


def softmax(z):
    return z.exp() / z.exp().sum()


@pytest.mark.parametrize('temperature', [1.0, 2.0])
@pytest.mark.parametrize('progress', [0.0, 0.4, 1.7])
@pytest.mark.parametrize('known', [['many', 'medium', 'few'], ['few', 'many']])
def test_loss_and_gradients(temperature, progress, known):
    student = make_student(temperature).double()
    experts = [make_expert(split, seed).double() for seed, split in enumerate(known)]
    easiness = torch.rand(9, dtype=torch.float64)
    student.set_experts([Expert(expert) for expert in experts], easiness)
    student.expert_weights.copy_(torch.tensor([0.5, 0.25, 2.0]))
    student.progress = progress
    images = torch.randn(5, 3, 8, 8, dtype=torch.float64)
    label, numbers = [0, 6, 2, 5, 1], [8, 0, 3, 3, 1]
    batch = [
        DataSample(metainfo=dict(sample_idx=n)).set_gt_label(c)
        for n, c in zip(numbers, label)
    ]
    student.eval()  # the loss has no mode of its own, but batch norm has
    losses = student.loss(images, batch)

    logits = student.head(student.extract_feat(images))
    expected = dict.fromkeys(['loss', *(f'loss_{split}' for split in known)], 0.0)
    for i, (number, c) in enumerate(zip(numbers, label)):
        e = easiness[number] + (1 - easiness[number]) * progress
        expected['loss'] += -softmax(e * logits[i])[c].log() / 5
        for split, expert in zip(known, experts):
            own = SPLITS[split]
            taught = expert.head(expert.extract_feat(images[i : i + 1]))[0, own]
            p = softmax(taught.detach() / temperature)
            q = softmax(e * logits[i, own] / temperature)
            weight = dict(many=0.5, medium=0.25, few=2.0)[split]
            distance = sum(a * (a / b).log() for a, b in zip(p, q))
            expected[f'loss_{split}'] += weight * distance / 5
    assert losses.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(losses[key], value)
    learns = list(student.parameters())
    for a, b in zip(
        torch.autograd.grad(sum(losses.values()), learns),
        torch.autograd.grad(sum(expected.values()), learns),
    ):
        torch.testing.assert_close(a, b)


def test_loss_in_bfloat16():
    student = make_student().eval()
    student.set_experts([Expert(make_expert('many', 1))], torch.rand(3))
    batch = [DataSample(metainfo=dict(sample_idx=c)).set_gt_label(c) for c in range(3)]
    images = torch.randn(3, 3, 8, 8)
    expected = student.loss(images, batch)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = student.loss(images, batch)
    for key, value in expected.items():
        assert found[key].dtype == torch.float32
        torch.testing.assert_close(found[key], value, rtol=0.1, atol=0.05)


def test_one_sample_for_a_batch():
    student = make_student().eval()
    student.set_experts([Expert(make_expert('few', 1))], torch.rand(9))
    images = torch.randn(3, 3, 8, 8)
    batch = [
        DataSample(metainfo=dict(sample_idx=n)).set_gt_label(c)
        for n, c in ((8, 0), (2, 6), (5, 1))
    ]
    together = DataSample(metainfo=dict(sample_idx=[8, 2, 5]))
    together.set_gt_label(torch.tensor([0, 6, 1]))
    one, many = (student.loss(images, b) for b in ([together], batch))
    for key in many:
        torch.testing.assert_close(one[key], many[key])


def test_experts_are_no_part_of_the_student():
    student = make_student()
    alone = set(student.state_dict())
    expert = make_expert('few', 1)
    student.set_experts([Expert(expert)], torch.rand(9))
    assert set(student.state_dict()) == alone
    assert not any(p is q for p in student.parameters() for q in expert.parameters())
    student.train()
    assert not expert.training
    state = student.state_dict()
    assert make_student().load_state_dict(state).missing_keys == []
    with pytest.raises(ConfigError, match='LFMEClassifier has no experts'):
        make_student().loss(torch.zeros(1, 3, 8, 8), samples([0]))
    with pytest.raises(ConfigError, match='temperature=0 of LFMEClassifier'):
        make_student(0)


@pytest.mark.parametrize('threshold', [0.0, 0.3, 0.6])
def test_expert_weight(threshold):
    for student, expert in itertools.product(range(0, 101, 5), range(5, 101, 5)):
        # As the released code has it.
        if student < expert * threshold:
            weight = 1.0
        else:
            gap = expert - student
            weight = max((gap / expert) / (1 - threshold), 0.0)
        assert expert_weight(student, expert, threshold) == pytest.approx(weight)
    assert expert_weight(10.0, 0.0, threshold) == 0


def test_accuracy_without_images():
    accuracies = np.array([50.0, np.nan, 100.0])
    assert mean_of(accuracies, torch.tensor([0, 1, 2])) == 75
    with pytest.raises(ConfigError, match='none of the 1 classes of an expert'):
        mean_of(accuracies, torch.tensor([1]))


def test_easiness_within_classes():
    rng = np.random.default_rng(0)
    counts = np.bincount(rng.integers(0, 5, 40), minlength=6)
    label = np.repeat(np.arange(6), counts)[rng.permutation(40)]
    label[7] = -1  # a number that no image has
    confidence = rng.random(40)
    start = np.array([0.1, 0.5, 1.0, 0.2, 0.9, 0.3])
    found = within_classes(confidence, label, start)
    for i in range(40):
        own = [confidence[j] for j in range(40) if label[j] == label[i]]
        if label[i] < 0:
            continue
        share = (confidence[i] - min(own)) / (max(own) - min(own))
        expected = share * (1 - start[label[i]]) + start[label[i]]
        assert found[i] == pytest.approx(expected)
    alike = within_classes(np.full(4, 0.3), np.zeros(4, int), np.array([0.1]))
    assert alike.tolist() == [1] * 4, 'nothing to order'


def test_where_easiness_starts():
    counts = np.array(COUNTS)
    found = first_easiness(counts, [np.array(own) for own in SPLITS.values()])
    few = (7 + 3) / 2
    expected = [0] * 7
    for own in SPLITS.values():
        for c in own:
            expected[c] = few / (sum(COUNTS[i] for i in own) / len(own))
    assert found.tolist() == pytest.approx(expected)


def digits_loader():
    dataset = LongTailedDataset(
        Digits(
            split='train',
            pipeline=[dict(type='Resize', scale=16), dict(type='PackInputs')],
        ),
        imbalance_factor=0.1,
    )
    sampler = DefaultSampler(dataset, shuffle=False, round_up=False)
    # 33 does not divide the images, nor do two ranks.
    return DataLoader(dataset, 33, sampler=sampler, collate_fn=pseudo_collate)


def passes_on(rank):
    loader = digits_loader()
    counts = np.bincount(loader.dataset.get_gt_labels())
    experts = [make_expert(s, i, 10, counts) for i, s in enumerate(['many', 'medium'])]
    preprocess = make_student().data_preprocessor
    return (
        *confidences(experts, loader, preprocess),
        class_accuracies(experts, loader, preprocess),
    )


def test_passes_against_loops():
    dataset = digits_loader().dataset
    counts = np.bincount(dataset.get_gt_labels())
    experts = [make_expert(s, i, 10, counts) for i, s in enumerate(['many', 'medium'])]
    found, labels, accuracies = passes_on(0)
    hits, images, seen = np.zeros((2, 10)), np.zeros(10), set()
    for sample in dataset:
        data = experts[0].data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        )
        label = int(sample['data_samples'].gt_label)
        number = sample['data_samples'].sample_idx
        with torch.no_grad():
            logits = [e.head(e.extract_feat(data['inputs']))[0] for e in experts]
        own = 0 if counts[label] > 100 else 1
        torch.testing.assert_close(
            found[number], float(logits[own].softmax(0)[label]), rtol=1e-4, atol=1e-6
        )
        assert labels[number] == label
        seen.add(number)
        images[label] += 1
        hits[:, label] += [int(z.argmax()) == label for z in logits]
    assert sorted(seen) == list(range(len(labels)))
    np.testing.assert_allclose(accuracies, 100 * hits / images)


def test_some_images_only_and_some_twice():
    dataset = digits_loader().dataset
    expert = make_expert('many', 0, 10, [200] * 10)

    def found_of(items):
        loader = DataLoader(dataset, 8, sampler=items, collate_fn=pseudo_collate)
        return confidences([expert], loader, expert.data_preprocessor)

    found, labels = found_of([5, 9, 9, 7, 9])
    once, _ = found_of(range(12))
    np.testing.assert_allclose(found[[5, 7, 9]], once[[5, 7, 9]], rtol=1e-5)
    absent = [0, 1, 2, 3, 4, 6, 8]
    assert not found[absent].any()
    assert labels[absent].tolist() == [-1] * 7


@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2):
    whole = passes_on(0)
    for rank in gloo2.run(passes_on):
        for a, b in zip(rank, whole):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_images_that_cannot_be_told_apart():
    pipeline = [dict(type='Resize', scale=16), dict(type='PackInputs')]
    parts = [Digits(split=split, pipeline=pipeline) for split in ('train', 'test')]
    loader = DataLoader(ConcatDataset(parts), 64, collate_fn=pseudo_collate)
    expert = make_expert('many', 0, 10, [200] * 10)
    with pytest.raises(ConfigError, match='concatenated'):
        confidences([expert], loader, expert.data_preprocessor)

"""LFME's experts, student and curriculum against loops in float64."""

import itertools

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmlt_plugin.datasets import (
    LongTailedDataset,
    ShotSplitSampler,
)
from mmlt_plugin.engine.hooks.self_paced_experts_hook import expert_weight, mean_of
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LFMEClassifier, ShotSplitHead, check_match
from mmlt_plugin.models.classifiers.lfme import Expert
from tests.models.experts import COUNTS, NET, SPLITS, make_expert, make_student
from tests.models.samples import samples


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
    assert (found[:, others] == -10_000).all()


@pytest.mark.parametrize('split', SPLITS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_focal_loss_learns_within_the_split(split, dtype):
    """The focal loss multiplies the logarithms of other classes' probabilities by 0."""
    head = make_head(split, loss=dict(type='ReweightedLoss', gamma=2.0)).to(dtype)
    head.loss_module.set_class_counts(COUNTS)
    classes = torch.tensor(SPLITS[split])
    feature = torch.randn(6, 5, dtype=dtype)
    within = torch.arange(6) % len(classes)
    loss = head.loss((feature,), samples(classes[within]))['loss']
    loss.backward()
    learns = head.fc.weight.detach().double().requires_grad_()
    logits = feature.double() @ learns.T + head.fc.bias.detach().double()
    p = logits[:, classes].softmax(1)[torch.arange(6), within]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    expected.backward()
    rounding = dict(rtol=20 * torch.finfo(dtype).eps, atol=20 * torch.finfo(dtype).eps)
    torch.testing.assert_close(loss.double(), expected, **rounding)
    torch.testing.assert_close(head.fc.weight.grad.double(), learns.grad, **rounding)


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
    smooth = dict(type='LabelSmoothLoss', label_smooth_val=0.1)
    with pytest.raises(ConfigError, match='LabelSmoothLoss needs'):
        ShotSplitHead(7, 5, loss=smooth)
    with pytest.raises(ConfigError, match='LabelSmoothLoss needs'):  # later on
        check_match(ShotSplitHead(7, 5), MODELS.build(smooth))
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


@pytest.mark.parametrize('head', ['OLTRHead', 'ResLTHead'])
def test_heads_with_a_loss_of_their_own_are_refused(head):
    with pytest.raises(ConfigError, match=f'{head} has a loss of its own'):
        LFMEClassifier(**NET, head=dict(type=head, num_classes=7, in_channels=64))


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

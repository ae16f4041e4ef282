"""FSLwF's head and generator against loops in float64."""

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmpretrain.registry import DATA_SAMPLERS
from mmpretrain.structures import DataSample

from mmlt_plugin.datasets import (
    ClassBalancedSampler,
    Digits,
    EpisodeBatchSampler,
    LongTailedDataset,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import FSLwFHead
from mmlt_plugin.models.heads.fslwf_head import episode
from tests.models.samples import samples

C, D = 7, 6
COUNTS = [300, 7, 50, 120, 20, 100, 0]
BASE = [0, 2, 3, 4, 5]
#: Class 3 comes a second time, class 5 has a single image.
LABELS = [3, 3, 3, 0, 0, 0, 3, 3, 5, 2, 2, 2, 0, 4]


def make_head(novel=2, **settings):
    torch.manual_seed(0)
    head = FSLwFHead(C, D, novel=novel, exemplars=2, **settings).double()
    if novel:  # not at their trivial initial values
        for vector in (head.generator.of_average, head.generator.of_attention):
            torch.nn.init.normal_(vector)
        torch.nn.init.normal_(head.generator.query.weight)
        torch.nn.init.normal_(head.generator.query.bias)
    head.set_class_counts(COUNTS)
    return head


def make_batch():
    torch.manual_seed(1)
    feature = torch.randn(len(LABELS), D, dtype=torch.float64, requires_grad=True)
    return feature, samples(LABELS)


def unit(vector):
    return vector / (vector**2).sum().sqrt()


def naive_share(generator, f, weight, bases):
    """g(f), base class by base class."""
    query = unit(generator.query.weight @ unit(f) + generator.query.bias)
    powers = [
        (generator.sharpness * (query @ unit(generator.keys[b]))).exp() for b in bases
    ]
    recalled = sum(p / sum(powers) * unit(weight[b]) for p, b in zip(powers, bases))
    return generator.of_average * unit(f) + generator.of_attention * recalled


def naive_loss(head, feature, novel):
    """Image by image, in the order of the batch."""
    plays = list(dict.fromkeys(LABELS))[:novel]
    bases = [b for b in BASE if b not in plays]
    rows, asked = {b: head.fc.weight[b] for b in bases}, []
    for c in plays:
        images = [n for n, label in enumerate(LABELS) if label == c]
        makers = images[: head.exemplars]
        asked += images[head.exemplars :]
        shares = [
            naive_share(head.generator, feature[n], head.fc.weight, bases)
            for n in makers
        ]
        rows[c] = sum(shares) / len(shares)
    others = [n for n, label in enumerate(LABELS) if label in bases]

    def mean_loss(images):
        total = 0.0
        for n in images:
            logits = {
                c: head.scale * (unit(feature[n]) @ unit(w)) for c, w in rows.items()
            }
            every = torch.stack([*logits.values()]).logsumexp(0)
            total = total + every - logits[LABELS[n]]
        return total / max(len(images), 1)

    share = novel / len(BASE)
    return share * mean_loss(asked) + (1 - share) * mean_loss(others)


@pytest.mark.parametrize('novel', [0, 1, 2, 3, 4])
@pytest.mark.parametrize('sharpness', [1.0, 10.0])
def test_loss_and_gradients(novel, sharpness):
    head = make_head(novel, sharpness=sharpness)
    feature, labels = make_batch()
    found = head.loss((feature,), labels)['loss']
    expected = naive_loss(head, feature, novel)
    # mmpretrain's loss divides by the number of images and a float32 epsilon more.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
    learns = [feature, *head.parameters()]
    for a, b in zip(
        torch.autograd.grad(found, learns), torch.autograd.grad(expected, learns)
    ):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('novel', [0, 2])
def test_rows_of_few_shot_classes_are_made_of_their_images(novel):
    head = make_head(novel).eval()
    feature, _ = make_batch()
    with pytest.raises(ConfigError, match='ClassMeansHook'):
        head((feature,))
    seen = head.share_of_row(feature)
    for n, f in enumerate(feature):
        share = (
            naive_share(head.generator, f, head.fc.weight, BASE) if novel else unit(f)
        )
        torch.testing.assert_close(seen[n], share)
    made = torch.randn(C, D, dtype=torch.float64)  # base classes have their own rows
    made[1] = seen[:4].mean(0)
    made[1, 0] = made[6] = 0
    head.set_class_means(made)
    logits = head((feature,))
    assert (logits[:, 6] == -torch.inf).all(), 'no image, no row'
    for c in [1, *BASE]:
        row = made[1] if c == 1 else head.fc.weight[c]
        expected = torch.stack([head.scale * (unit(f) @ unit(row)) for f in feature])
        torch.testing.assert_close(logits[:, c], expected)


def test_training_accuracy_is_that_of_the_images_asked():
    head = make_head(cal_acc=True, topk=(1, 2))
    feature, labels = make_batch()
    head.loss_module = Logits()
    found = head.loss((feature,), labels)
    makes_row = torch.tensor([n in (0, 1, 3, 4) for n in range(len(LABELS))])
    right = found['loss'].argmax(1) == torch.tensor(LABELS)
    expected = 100 * right[~makes_row].double().mean()
    assert found['accuracy_top-1'].item() == pytest.approx(expected.item())
    assert found['accuracy_top-2'] >= found['accuracy_top-1']


@pytest.mark.parametrize('novel', [0, 1, 2, 3, 4])
def test_which_classes_play_and_which_images_make_their_rows(novel):
    torch.manual_seed(0)
    for label in torch.randint(
        4, (50, 6)
    ).tolist():  # classes of one image among others
        plays = list(dict.fromkeys(label))[:novel]
        makes = [y in plays and label[:n].count(y) < 2 for n, y in enumerate(label)]
        is_novel, makes_row = episode(torch.tensor(label), 4, novel, exemplars=2)
        assert is_novel.tolist() == [c in plays for c in range(4)]
        assert makes_row.tolist() == makes


class Logits(torch.nn.Module):
    def forward(self, logits, *_, **__):
        return logits


def test_not_in_bfloat16():
    head = make_head().float()
    feature, labels = make_batch()
    feature = feature.detach().float()
    expected = head.loss((feature,), labels)['loss']
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head.loss((feature,), labels)['loss']
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize('novel', [0, 2])
def test_only_what_learns_is_stored(novel):
    names = {name for name, _ in make_head(novel).named_parameters()}
    assert set(make_head(novel).state_dict()) == names


def test_initial_values():
    head = FSLwFHead(C, 400, novel=1, scale=7.0, sharpness=30.0)
    assert head.scale == 7
    assert head.generator.sharpness == 30
    torch.testing.assert_close(
        head.fc.weight.std().item(), 0.05**0.5 / 10**0.5, rtol=0.1, atol=0
    )
    query = head.generator.query(torch.eye(400))
    torch.testing.assert_close(query, torch.eye(400), rtol=0, atol=0.01)
    assert (query - torch.eye(400)).std().item() == pytest.approx(1e-3, rel=0.1)
    assert head.generator.keys.std().item() == pytest.approx(0.005**0.5, rel=0.1)


@pytest.mark.parametrize('novel', [0, 2])
@pytest.mark.parametrize(
    'loss',
    [
        dict(type='ReweightedLoss', scheme='inverse', gamma=2.0),
        dict(type='ReweightedLoss', scheme='effective', normalizer='batch'),
        dict(type='LogitAdjustedLoss'),
        dict(type='LabelSmoothLoss', label_smooth_val=0.1, num_classes=C),
    ],
    ids=lambda cfg: cfg['type'],
)
def test_other_losses(novel, loss):
    head = make_head(novel, loss=loss)
    for module in head.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
    feature, labels = make_batch()
    head.loss((feature,), labels)['loss'].backward()
    assert all(p.grad.isfinite().all() for p in [feature, *head.parameters()])


def test_a_batch_that_asks_for_no_image():
    head = make_head()
    feature = torch.randn(2, D, dtype=torch.float64)
    assert head.loss((feature,), samples([0, 2]))['loss'] == 0


def test_a_head_that_knows_no_training_images():
    head = FSLwFHead(C, D, novel=2).eval()
    head.set_class_means(torch.ones(C, D))
    for ask in (
        lambda: head((torch.zeros(1, D),)),
        lambda: head.share_of_row(torch.zeros(1, D)),
    ):
        with pytest.raises(ConfigError, match=r'images per class.*ClassCountsHook'):
            ask()
    for counts in ([20] * C, [20] * (C - 1) + [0]):
        head.set_class_counts([20] * (C - 1) + [1])
        assert head.sampler_of_means['split'] == 'few'
        with pytest.raises(ConfigError, match='ClassMeansHook'):
            head((torch.zeros(1, D),))
        head.set_class_counts(counts)
        assert head.sampler_of_means is None, 'no class is few-shot'
        assert head((torch.zeros(1, D),)).shape == (1, C)


def test_few_shot_classes_may_have_many_images():
    head = FSLwFHead(10, D, few=127)
    dataset = digits()
    head.set_class_counts(np.bincount(dataset.get_gt_labels()))
    sampler = DATA_SAMPLERS.build(dict(head.sampler_of_means, dataset=dataset, seed=0))
    assert {dataset.get_gt_labels()[n] for n in sampler} == set(range(1, 10))


def digits():
    """Ten classes, of 128, 88, 60, 40, 27, 18, 12, 8, 5 and 4 images."""
    return LongTailedDataset(Digits(split='train'), imbalance_factor=1 / 32)


def test_samplers_of_both_stages():
    uniform = DefaultSampler(digits(), seed=0)
    balanced = ClassBalancedSampler(digits(), seed=0, min_images=20)
    few, episodes = (
        EpisodeBatchSampler(uniform, 25, novel=3, images_per_class=8, min_images=least)
        for least in (20, 27)
    )
    first = FSLwFHead(10, D)
    second = FSLwFHead(10, D, novel=3, exemplars=7, few=27)
    first.check_sampler(balanced)
    second.check_sampler(episodes)
    for head, wrong in [
        (first, uniform),
        (first, ClassBalancedSampler(digits(), seed=0)),
        (FSLwFHead(10, D, few=12), balanced),
        (first, few),
        (second, few),
        (second, balanced),
        (FSLwFHead(10, D, novel=2, few=27), episodes),
        (FSLwFHead(10, D, novel=3, exemplars=8, few=27), episodes),
    ]:
        with pytest.raises(ConfigError, match=f'min_images={head.few}'):
            head.check_sampler(wrong)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(novel=5), 'novel=5 of FSLwFHead: 5 of 7 classes have few=20'),
        (dict(few=301, novel=0), 'novel=0 of FSLwFHead: 0 of 7 classes have few=301'),
    ],
)
def test_too_few_base_classes(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_head(**settings)


@pytest.mark.parametrize('novel', [0, 2])
def test_soft_labels_are_refused(novel):
    mixed = [DataSample().set_gt_score(torch.full((C,), 1 / C))]
    with pytest.raises(ConfigError, match='FSLwFHead got soft labels'):
        make_head(novel).loss((torch.randn(1, D, dtype=torch.float64),), mixed)

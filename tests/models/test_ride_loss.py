"""RIDE's loss against formulas in float64."""

import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models import LinearClsHead
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import RIDELoss
from tests.models.expert_heads import COUNTS, LINEAR, LOSSES, C, K, N
from tests.models.samples import samples


def naive_diversity(logits, scale, factor, temperature, imbalance):
    """Image by image, expert by expert, class by class."""
    share = [count / sum(COUNTS) for count in COUNTS]
    weights = [imbalance * C * s + 1 - imbalance for s in share]
    temperatures = [temperature * w / max(weights) for w in weights]
    mean_temperature = sum(temperatures) / C
    total = 0.0
    for image in logits:
        scaled = [
            torch.stack([scale * z[c] / temperatures[c] for c in range(C)])
            for z in image
        ]
        mean = (sum(scaled) / K).detach()
        p = mean.exp() / mean.exp().sum()
        for z in scaled:
            q = z.exp() / z.exp().sum()
            total = total + sum(p[c] * (p[c].log() - q[c].log()) for c in range(C))
    return -factor * mean_temperature**2 * total / N


@pytest.mark.parametrize('base', LOSSES)
@pytest.mark.parametrize('diversity', [0.0, 0.2])
@pytest.mark.parametrize('temperature', [1.0, 1.7])
@pytest.mark.parametrize('imbalance', [0.0, 0.05, 0.6])
def test_loss_against_loops(base, diversity, temperature, imbalance):
    torch.manual_seed(0)
    loss = RIDELoss(LOSSES[base], diversity, temperature, imbalance)
    loss.set_class_counts(COUNTS)
    own = MODELS.build(LOSSES[base])
    for module in (loss.loss, own):
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
    logits = torch.randn(N, K, C, dtype=torch.float64, requires_grad=True)
    label = torch.randint(C, (N,))
    found = loss(logits, label)
    scale = getattr(own, 'scale', 1.0)
    expected = dict(
        loss=sum(own(logits[:, k], label) for k in range(K)),
        loss_diversity=naive_diversity(
            logits, scale, diversity, temperature, imbalance
        ),
    )
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value)
        (a,) = torch.autograd.grad(found[key], logits, retain_graph=True)
        (b,) = torch.autograd.grad(value, logits, retain_graph=True)
        torch.testing.assert_close(a, b)


def test_loss_weight_is_a_factor_of_both_terms():
    logits, label = torch.randn(N, K, C), torch.randint(C, (N,))
    plain = RIDELoss(LOSSES['cross-entropy'])(logits, label)
    halved = RIDELoss(LOSSES['cross-entropy'], loss_weight=0.5)(logits, label)
    assert all(plain[key] == 2 * halved[key] != 0 for key in ('loss', 'loss_diversity'))


def test_temperatures_of_frequent_classes_are_highest():
    loss = RIDELoss(dict(type='CrossEntropyLoss'), temperature=2.0, imbalance=0.5)
    loss.set_class_counts([90, 10])  # weights 0.5 * 1.8 + 0.5 and 0.5 * 0.2 + 0.5
    expected = torch.tensor([2.0, 2 * 0.6 / 1.4], dtype=torch.float64)
    torch.testing.assert_close(loss.temperatures, expected)


def test_temperatures_go_where_the_model_goes():
    loss = RIDELoss(dict(type='CrossEntropyLoss'), imbalance=0.5)
    loss.set_class_counts(COUNTS)
    assert loss.to('meta').temperatures.is_meta
    loss.set_class_counts(COUNTS)
    assert loss.temperatures.is_meta


def test_experts_that_agree_are_not_apart():
    loss = RIDELoss(dict(type='CrossEntropyLoss'))
    logits = torch.randn(N, 1, C).expand(-1, K, -1)
    found = loss(logits, torch.zeros(N, dtype=torch.long))
    assert found['loss_diversity'].abs() < 1e-6


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_logits_are_not_summed_in_it(dtype):
    loss = RIDELoss(LOSSES['LDAM-DRW'])
    loss.loss.set_class_counts(COUNTS)
    logits = torch.rand(N, K, C).to(dtype)
    label = torch.arange(N) % C
    for key, value in loss(logits, label).items():
        torch.testing.assert_close(value, loss(logits.float(), label)[key])


def test_soft_labels_are_expectations():
    loss = RIDELoss(LOSSES['LDAM-DRW'])
    loss.loss.set_class_counts(COUNTS)
    logits = torch.rand(N, K, C)
    label = torch.arange(N) % C
    soft = loss(logits, F.one_hot(label, C).float())
    for key, value in loss(logits, label).items():
        torch.testing.assert_close(soft[key], value)


def test_the_experts_own_losses_are_as_their_heads_ask_for_them():
    """Averaged over the images (not over classes), with further arguments passed on."""
    sigmoid = dict(type='CrossEntropyLoss', use_sigmoid=True)
    logits, label, weight = torch.randn(N, K, C), torch.rand(N, C), torch.rand(N)
    found = RIDELoss(sigmoid)(logits, label, weight=weight)['loss']
    own = MODELS.build(sigmoid)
    expected = sum(own(z, label, weight, avg_factor=N) for z in logits.unbind(1))
    torch.testing.assert_close(found, expected)


def test_linear_head_alone_is_told_where_its_loss_belongs():
    head = LinearClsHead(**{k: v for k, v in LINEAR.items() if k != 'type'},
                         loss=dict(type='RIDELoss', loss=LOSSES['cross-entropy']))  # fmt: skip
    with pytest.raises(ConfigError, match='MultiExpertHead'):
        head.loss((torch.zeros(2, 4),), samples([0, 1]))


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: RIDELoss(LOSSES['cross-entropy'], diversity=-0.2), 'diversity=-0.2 of RIDELoss'),
        (lambda: RIDELoss(LOSSES['cross-entropy'], temperature=0), 'temperature=0 of RIDELoss'),
        (lambda: RIDELoss(LOSSES['cross-entropy'], imbalance=1.0), 'imbalance=1.0 of RIDELoss'),
        (lambda: RIDELoss(LOSSES['cross-entropy'], imbalance=0.1)(torch.zeros(N, K, C), None),
         'imbalance=0.1 needs the training images per class'),
        (lambda: RIDELoss(LOSSES['cross-entropy'])(torch.zeros(N, C), None),
         'put the head with this loss into a MultiExpertHead'),
    ],
)  # fmt: skip
def test_errors(build, message):
    with pytest.raises(ConfigError, match=message):
        build()

"""BBNHead against a naive reference."""

import pytest
import torch
from mmpretrain.structures import DataSample

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import BBNHead
from tests.models.samples import samples


@pytest.mark.parametrize('alpha', [0.0, 0.25, 0.5, 1.0])
def test_loss_against_naive_reference(alpha):
    torch.manual_seed(0)
    head = BBNHead(num_classes=5, in_channels=6).double()
    head.set_alpha(alpha)
    features = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(5, (8,))
    losses = head.loss((features,), samples(labels))
    branch = [0.0, 0.0]
    hits = 0.0
    for n in range(4):
        z = [head.fc.bias[c] for c in range(5)]
        for c in range(5):
            for d in range(6):
                weight = alpha if d < 3 else 1 - alpha
                z[c] = z[c] + 2 * weight * features[n, d] * head.fc.weight[c, d]
        z = torch.stack(z)
        for b, label in enumerate((labels[n], labels[4 + n])):
            branch[b] = branch[b] - (z[label] - z.exp().sum().log()) / 4
            hits += (alpha, 1 - alpha)[b] * float(z.argmax() == label) / 4
    expected = [alpha * branch[0], (1 - alpha) * branch[1]]
    torch.testing.assert_close(losses['loss_conventional'], expected[0])
    torch.testing.assert_close(losses['loss_rebalancing'], expected[1])
    assert losses['accuracy_top-1'].item() == pytest.approx(100 * hits)
    assert losses['alpha'].item() == alpha
    parameters = [features, *head.parameters()]
    found = torch.autograd.grad(
        losses['loss_conventional'] + losses['loss_rebalancing'], parameters
    )
    for a, b in zip(found, torch.autograd.grad(sum(expected), parameters)):
        torch.testing.assert_close(a, b)


def test_half_alpha_in_training_is_evaluation():
    head = BBNHead(num_classes=5, in_channels=6)
    head.set_alpha(0.5)
    features = torch.randn(4, 6)
    torch.testing.assert_close(head.mixed_logits((features,)), head((features,)))


def test_alpha_is_no_part_of_the_state_dict():
    assert set(BBNHead(5, 6).state_dict()) == {'fc.weight', 'fc.bias'}


def test_a_new_alpha_does_not_recompile():
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    head = BBNHead(num_classes=5, in_channels=6)
    step = torch.compile(lambda x: head.mixed_logits((x,)), backend=counter)
    x = torch.randn(4, 6)
    for alpha in (1.0, 0.9, 0.5, 0.0):
        head.set_alpha(alpha)
        torch.testing.assert_close(step(x), head.mixed_logits((x,)))
    assert counter.frame_count == 1


def test_what_cannot_be_right_is_refused():
    head = BBNHead(num_classes=5, in_channels=6)
    with pytest.raises(ConfigError, match='CumulativeAlphaHook'):
        head.loss((torch.zeros(2, 6),), samples([0, 1, 2, 3]))
    for alpha in (-0.1, 1.5, float('nan')):
        with pytest.raises(ConfigError, match=r'alpha=.*\[0, 1\]'):
            head.set_alpha(alpha)
    head.set_alpha(0.5)
    mixed = [DataSample().set_gt_score(torch.full((5,), 0.2)) for _ in range(4)]
    with pytest.raises(ConfigError, match=r'mixup.*model\.train_cfg\.augments'):
        head.loss((torch.zeros(2, 6),), mixed)
    with pytest.raises(ConfigError, match='in_channels=7'):
        BBNHead(num_classes=5, in_channels=7)
    with pytest.raises(ConfigError, match=r'in_channels=6.*twice the channels'):
        head.loss((torch.zeros(2, 8),), samples([0, 1, 2, 3]))


def test_the_alpha_that_is_logged_stays():
    head = BBNHead(5, 6)
    head.set_alpha(0.75)
    losses = head.loss((torch.zeros(2, 6),), samples([0, 1, 2, 3]))
    head.set_alpha(0)
    assert losses['alpha'] == 0.75

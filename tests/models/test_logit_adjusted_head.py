"""Post-hoc logit adjustment against a naive Eq. 9."""

import copy
import math

import pytest
import torch

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LogitAdjustedHead

C, D = 4, 3
COUNTS = [60, 30, 10, 0]


@pytest.mark.parametrize('tau', [0.0, 0.5, 1.0, 2.0])
def test_logits_less_the_log_prior(tau):
    head = LogitAdjustedHead(num_classes=C, in_channels=D, tau=tau).double()
    head.set_class_counts(COUNTS)
    x = torch.randn(5, D, dtype=torch.float64)
    plain = head.fc(x)
    assert torch.equal(head((x,)), plain), 'training is plain'
    found = head.eval()((x,))
    for n in range(5):
        for c in range(3):
            expected = plain[n, c] - tau * math.log(COUNTS[c] / 100)
            torch.testing.assert_close(found[n, c], expected)
    assert (found[:, 3] == -torch.inf).all(), 'no image, no prior'
    assert set(head.state_dict()) == {'fc.weight', 'fc.bias'}


def test_it_undoes_a_prior():
    """Balanced class probabilities by Bayes' rule, from long-tailed ones."""
    head = LogitAdjustedHead(num_classes=3, in_channels=3).double().eval()
    prior = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    likelihood = torch.rand(5, 3, dtype=torch.float64)
    head.fc.weight.data = torch.eye(3, dtype=torch.float64)
    head.fc.bias.data = prior.log()
    head.set_class_counts([6, 3, 1])
    expected = likelihood / likelihood.sum(1, keepdim=True)
    torch.testing.assert_close(head((likelihood.log(),)).softmax(1), expected)


def test_under_autocast_the_prior_stays_exact():
    head = LogitAdjustedHead(num_classes=3, in_channels=3).eval()
    head.set_class_counts([997, 2, 1])
    torch.nn.init.zeros_(head.fc.weight)
    torch.nn.init.zeros_(head.fc.bias)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head((torch.zeros(1, 3),))
    expected = -torch.tensor([[0.997, 0.002, 0.001]]).log()
    torch.testing.assert_close(found, expected)


def test_counts_arrive_after_the_model_moved_and_was_copied():
    head = LogitAdjustedHead(num_classes=3, in_channels=3)
    average = copy.deepcopy(head)
    head.to('meta').set_class_counts([2, 1, 1])
    assert head.log_prior.is_meta
    assert not list(head.buffers()), 'which an average of the model would change'
    average.set_class_counts([2, 1, 1])
    assert average.log_prior.exp().tolist() == pytest.approx([0.5, 0.25, 0.25])


@pytest.mark.parametrize('loss', ['LogitAdjustedLoss', 'BalancedSoftmaxLoss'])
def test_logits_are_not_adjusted_twice(loss):
    with pytest.raises(ConfigError, match=f'that {loss} has adjusted in training'):
        LogitAdjustedHead(num_classes=C, in_channels=D, loss=dict(type=loss))


def test_what_is_refused():
    head = LogitAdjustedHead(num_classes=C, in_channels=D)
    with pytest.raises(ConfigError, match='images per class'):
        head.eval()((torch.zeros(1, D),))
    with pytest.raises(ConfigError, match=r'num_classes=4 .* images of 3 classes'):
        head.set_class_counts([3, 2, 1])
    with pytest.raises(ConfigError, match='none may be negative'):
        head.set_class_counts([0, 0, 0, 0])
    with pytest.raises(ConfigError, match='tau=-1 of LogitAdjustedHead'):
        LogitAdjustedHead(num_classes=C, in_channels=D, tau=-1)

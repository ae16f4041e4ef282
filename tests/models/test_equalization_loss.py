"""Draws of the softmax equalization loss; its formula is among test_class_count_losses.py."""

import pytest
import torch

from mmlt_plugin.models import SoftmaxEqualizationLoss


def test_equalization_draws_anew_for_every_image_and_class():
    torch.manual_seed(0)
    loss = SoftmaxEqualizationLoss(threshold=0.1, gamma=0.7)
    loss.set_class_counts([500, 120, 40, 9, 1])
    z = torch.randn(2000, 5, dtype=torch.float64)
    labels = torch.zeros(2000, dtype=torch.long)
    losses = loss(z, labels, reduction_override='none')
    found = torch.zeros(2, 2, 2)  # how often classes 2, 3 and 4 were in the softmax
    for row, value in zip(z, losses):
        match = []
        for kept in range(8):
            inside = [0, 1] + [c for bit, c in enumerate((2, 3, 4)) if kept >> bit & 1]
            match.append(float(row[inside].logsumexp(0) - row[0] - value))
        kept = min(range(8), key=lambda k: abs(match[k]))
        assert abs(match[kept]) < 1e-12
        found[kept & 1, kept >> 1 & 1, kept >> 2] += 1
    expected = torch.ones(2, 2, 2) * 2000
    for dim in range(3):
        shape = [1, 1, 1]
        shape[dim] = 2
        expected = expected * torch.tensor([0.7, 0.3]).reshape(shape)
    chi_square = ((found - expected) ** 2 / expected).sum()
    assert chi_square < 30  # 7 degrees of freedom: p < 1e-4


@pytest.mark.parametrize('settings', [dict(threshold=0), dict(threshold=1, gamma=0)])
def test_where_no_class_is_left_out_it_is_the_cross_entropy(settings):
    loss = SoftmaxEqualizationLoss(**settings)
    loss.set_class_counts([500, 120, 40, 9, 1])
    z, labels = torch.randn(6, 5), torch.randint(5, (6,))
    expected = torch.nn.functional.cross_entropy(z, labels)
    torch.testing.assert_close(loss(z, labels), expected)


def test_equalization_of_large_logits_is_finite():
    """A naive formula overflows: the exponential of 1,000 is infinite."""
    loss = SoftmaxEqualizationLoss(threshold=0.1, gamma=1.0)
    loss.set_class_counts([500, 120, 40, 9, 1])
    z = torch.tensor([[1000.0, -1000.0, 0.0, 1000.0, 0.0]], requires_grad=True)
    found = loss(z, torch.tensor([4]))
    torch.testing.assert_close(found, torch.tensor(1000.0))
    (gradient,) = torch.autograd.grad(found, z)
    torch.testing.assert_close(gradient, torch.tensor([[1.0, 0, 0, 0, -1]]))

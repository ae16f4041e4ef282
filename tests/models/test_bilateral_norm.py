import copy

import pytest
import torch
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models.layers import BilateralBN, BilateralSyncBN


@pytest.mark.parametrize('layer', [BilateralBN, BilateralSyncBN])
@pytest.mark.parametrize(
    'options', [{}, dict(momentum=0.3, eps=1e-3), dict(affine=False)]
)
def test_one_forward_is_two_of_batch_norm(layer, options):
    torch.manual_seed(0)
    fused = layer(4, **options).double()
    plain = nn.BatchNorm2d(4, **options).double()
    if plain.affine:
        plain.weight.data.normal_()
        plain.bias.data.normal_()
    fused.load_state_dict(plain.state_dict())
    for _ in range(4):
        x = torch.randn(6, 4, 3, 5, dtype=torch.float64)
        x[3:] = 3 * x[3:] + 2
        x, y = x.clone().requires_grad_(), x.clone().requires_grad_()
        found = fused(x)
        expected = torch.cat([plain(y[:3]), plain(y[3:])])
        torch.testing.assert_close(found, expected)
        direction = torch.randn_like(found)
        (found * direction).sum().backward()
        (expected * direction).sum().backward()
        torch.testing.assert_close(x.grad, y.grad)
        for a, b in zip(fused.parameters(), plain.parameters()):
            torch.testing.assert_close(a.grad, b.grad)
        for name, value in plain.state_dict().items():
            torch.testing.assert_close(fused.state_dict()[name], value)
    fused.eval()
    plain.eval()
    x = torch.randn(5, 4, 3, 3, dtype=torch.float64)  # odd: no halves in evaluation
    torch.testing.assert_close(fused(x), plain(x))


def test_state_dicts_are_interchangeable():
    fused, plain = BilateralBN(4), nn.BatchNorm2d(4)
    fused(torch.randn(4, 4, 2, 2))
    plain.load_state_dict(fused.state_dict())
    assert copy.deepcopy(fused).load_state_dict(plain.state_dict())


def test_an_odd_training_batch_has_no_halves():
    with pytest.raises(ConfigError, match=r'batch of 5 images.*BilateralBatchSampler'):
        BilateralBN(4)(torch.randn(5, 4, 2, 2))

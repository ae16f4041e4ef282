"""TDEHead against loops in float64, values and gradients."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import BilateralNeck, CosineClsHead, NCMHead, TDEHead

C, D, N = 5, 12, 7


def naive(feature, weight, direction, num_heads, tau, gamma, alpha):
    """Logits of the two stages' formulas, image by image, class by class, head by head."""
    size = D // num_heads
    rows = []
    for f in feature:
        row = []
        for w in weight:
            logit = 0.0
            for k in range(num_heads):
                part = slice(k * size, (k + 1) * size)
                x, v, d = f[part] / f[part].norm(), w[part], direction[part]
                v = v / (v.norm() + gamma)
                logit = logit + x @ v
                if alpha:
                    cosine = f[part] @ d / (f[part].norm() * d.norm())
                    logit = logit - alpha * cosine * (d / d.norm()) @ v
            row.append(tau / num_heads * logit)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def make_head(**settings):
    torch.manual_seed(0)
    return TDEHead(num_classes=C, in_channels=D, **settings).double()


@pytest.mark.parametrize('num_heads', [1, 2, 3])
@pytest.mark.parametrize('tau', [1.0, 16.0])
@pytest.mark.parametrize('gamma', [0.0, 1 / 32])
@pytest.mark.parametrize('alpha', [0.0, 1.5])
def test_against_loops(num_heads, tau, gamma, alpha):
    settings = dict(num_heads=num_heads, tau=tau, gamma=gamma, alpha=alpha)
    head = make_head(**settings)
    feature = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    factors = torch.randn(N, C, dtype=torch.float64)
    for training in (True, False):
        head.train(training)
        found = head((feature,))
        used = dict(settings, alpha=0.0 if training else alpha)
        expected = naive(feature, head.fc.weight, head.direction, **used)
        torch.testing.assert_close(found, expected)
        inputs = (feature, head.fc.weight)
        for a, b in zip(
            torch.autograd.grad((found * factors).sum(), inputs),
            torch.autograd.grad((expected * factors).sum(), inputs),
        ):
            torch.testing.assert_close(a, b)


def test_direction_is_a_moving_average_of_training_features():
    head = make_head(momentum=0.8)
    expected = torch.zeros(D, dtype=torch.float64)
    for _ in range(4):
        feature = torch.randn(N, D, dtype=torch.float64)
        head.train()((feature,))
        head.eval()((torch.randn(N, D, dtype=torch.float64),))  # moves nothing
        expected = 0.8 * expected + sum(feature) / N
    torch.testing.assert_close(head.direction, expected)
    assert 'direction' in head.state_dict()
    assert 'fc.bias' not in head.state_dict()


def direction_on_rank(rank, _=None):
    head = make_head()
    head((images()[rank::2],))
    return head.direction


def images():
    torch.manual_seed(1)
    return torch.randn(6, D, dtype=torch.float64)


def test_all_ranks_have_the_direction_of_all_images(gloo2):
    for found in gloo2.run(direction_on_rank, None):
        torch.testing.assert_close(found, images().mean(0))


def test_untrained_head_and_dead_features_give_numbers():
    head = make_head().eval()
    assert head((torch.zeros(N, D, dtype=torch.float64),)).isfinite().all()


def test_bfloat16_changes_little():
    head = TDEHead(num_classes=C, in_channels=D)
    feature = torch.randn(N, D).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = head((feature,))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, head((feature.float(),)))


def test_heads_must_divide_the_feature():
    with pytest.raises(ConfigError, match='num_heads=5 of TDEHead must divide'):
        TDEHead(num_classes=C, in_channels=D, num_heads=5)


def test_neck_without_pairs_sends_all_images_through_both_blocks():
    net = dict(type='CIFARResNet', depth=14)
    neck = BilateralNeck(net, pairs=False).train()
    x = torch.randn(3, 64, 8, 8)  # odd, so there are no halves
    (found,) = neck((x,))
    blocks = [neck.conventional(x), neck.rebalancing(x)]
    expected = torch.cat([block.mean((2, 3)) for block in blocks], dim=1)
    torch.testing.assert_close(found, expected)
    trunk = MODELS.build(
        dict(type='BilateralTrunk', backbone=net, norm_cfg=dict(type='BN'))
    )
    trunk.train()
    assert trunk(torch.randn(3, 3, 32, 32))[-1].shape == x.shape


def test_init_weights_leaves_what_the_head_made():
    head = TDEHead(5, 12)
    before = head.fc.weight.clone()
    head.init_weights()
    assert torch.equal(head.fc.weight, before)
    cosine = CosineClsHead(5, 8)
    cosine.init_weights()
    torch.testing.assert_close(cosine.fc.weight.norm(dim=1), torch.ones(5))


def test_cosines_of_features_in_bfloat16():
    feature = torch.randn(4, 8).bfloat16()
    assert CosineClsHead(5, 8)((feature,)).dtype == torch.float32
    head = NCMHead(8, 8).eval()
    head.set_class_means(torch.eye(8))
    assert head((feature,)).dtype == torch.float32

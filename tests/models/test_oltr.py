"""OLTR's head and neck against loops in float64."""

import pytest
import torch
from mmpretrain.models import LinearNeck
from mmpretrain.structures import DataSample

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import DiscCentroidsLoss, ModulatedAttentionNeck, OLTRHead
from tests.models.samples import samples

C, D, N = 5, 6, 7


def naive(head, feature):
    """Logits by the formulas, image by image."""
    centroids, rows = head.memory.centroids.detach(), []
    for f in feature:
        shares = (head.fc.weight @ f + head.fc.bias).exp()
        shares = shares / shares.sum()
        recalled = sum(share * m for share, m in zip(shares, centroids))
        chosen = torch.tanh(head.selector.weight @ f + head.selector.bias) * recalled
        nearest = min(((f - m) ** 2).sum().sqrt() for m in centroids)
        x = head.reach / nearest * (f + chosen)
        length = (x**2).sum().sqrt()
        rows.append(
            torch.stack(
                [
                    head.scale * length / (1 + length) * (x @ w) / length / w.norm()
                    for w in head.classifier.weight
                ]
            )
        )
    return torch.stack(rows)


def make_head(**settings):
    torch.manual_seed(0)
    return OLTRHead(num_classes=C, in_channels=D, **settings).double()


@pytest.mark.parametrize('scale', [1.0, 16.0])
@pytest.mark.parametrize('reach', [0.1, 10.0])
def test_logits_and_gradients(scale, reach):
    head = make_head(scale=scale, reach=reach)
    feature = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    factors = torch.randn(N, C, dtype=torch.float64)
    found, expected = head((feature,)), naive(head, feature)
    torch.testing.assert_close(found, expected)
    learns = [p for name, p in head.named_parameters() if 'memory' not in name]
    for a, b in zip(
        torch.autograd.grad((found * factors).sum(), [feature, *learns]),
        torch.autograd.grad((expected * factors).sum(), [feature, *learns]),
    ):
        torch.testing.assert_close(a, b)


def test_losses_and_what_learns_from_them():
    head = make_head(cal_acc=True, centroids=dict(weight=0.5))
    feature = torch.randn(N, D, dtype=torch.float64)
    label = torch.arange(N) % C
    losses = head.loss((feature,), samples(label))
    logits = naive(head, feature)
    expected = torch.nn.functional.cross_entropy(logits, label)
    torch.testing.assert_close(losses['loss'], expected)
    memory = DiscCentroidsLoss(C, D, weight=0.5).double()
    memory.load_state_dict(head.memory.state_dict())
    torch.testing.assert_close(losses['loss_centroids'], memory(feature, label))
    assert set(losses) == {'loss', 'loss_centroids', 'accuracy_top-1'}
    losses['loss'].backward(retain_graph=True)
    assert head.memory.centroids.grad is None, 'only the memory writes itself'
    losses['loss_centroids'].backward()
    assert head.memory.centroids.grad.any()


def test_a_feature_that_is_a_centroid():
    head = make_head().float()
    feature = torch.randn(C, D)
    head.set_class_means(feature)
    assert torch.equal(head.memory.centroids, feature)
    inputs = feature.clone().requires_grad_()
    logits = head((inputs,))
    logits.sum().backward()
    assert inputs.grad.isfinite().all()
    assert logits.abs().max() <= head.scale


def test_a_feature_near_a_centroid_of_many():
    """Distances by a matrix product would lose all digits."""
    torch.manual_seed(0)
    head = OLTRHead(num_classes=30, in_channels=D, reach=1e-4)
    head.set_class_means(100 + torch.randn(30, D))
    feature = head.memory.centroids.detach()[:N] + torch.randn(N, D) / 1000
    found = head((feature,)).double()
    torch.testing.assert_close(
        found, naive(head.double(), feature.double()), rtol=1e-3, atol=1e-3
    )


def test_a_feature_of_zeros():
    head = make_head().float()
    inputs = torch.zeros(2, D, requires_grad=True)
    head.memory.centroids.data.zero_()
    head((inputs,)).sum().backward()
    assert inputs.grad.isfinite().all()


def test_not_in_bfloat16():
    head = make_head().float()
    feature = torch.randn(N, D)
    expected = head((feature,))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        torch.testing.assert_close(head((feature,)), expected, rtol=0, atol=0)
        # What a backbone under autocast gives.
        found = head((feature.bfloat16(),))
    torch.testing.assert_close(found, head((feature.bfloat16().float(),)))


def test_soft_labels_are_refused():
    mixed = [DataSample().set_gt_score(torch.full((C,), 1 / C))]
    with pytest.raises(ConfigError, match='OLTRHead got soft labels'):
        make_head().float().loss((torch.randn(1, D),), mixed)


def naive_attention(neck, x):
    layers = neck.attention
    maps = []
    for f in x:
        places = f.flatten(1).T  # (H W, D)
        query, key, value = (
            places @ layers[name].weight[:, :, 0, 0].T + layers[name].bias
            for name in ('query', 'key', 'value')
        )
        rows = []
        for q in query:
            weights = torch.stack([q @ k for k in key]).exp()
            weights = weights / weights.sum()
            rows.append(sum(w * v for w, v in zip(weights, value)))
        within = torch.stack(rows) @ layers['out'].weight[:, :, 0, 0].T
        place = layers['place'].weight @ f.flatten() + layers['place'].bias
        place = place.exp() / place.exp().sum()
        maps.append((within * place[:, None]).T.reshape(f.shape))
    return torch.stack(maps)


@pytest.mark.parametrize('size', [3, (2, 4)], ids=str)
@pytest.mark.parametrize('reduction', [1, 2, 4])
def test_attention(size, reduction):
    torch.manual_seed(0)
    neck = ModulatedAttentionNeck(4, 3, size, reduction, norm_cfg=None).double()
    torch.nn.init.normal_(neck.attention['out'].weight)
    shape = (size, size) if isinstance(size, int) else size
    x = torch.randn(3, 4, *shape, dtype=torch.float64, requires_grad=True)
    expected = naive_attention(neck, x)
    torch.testing.assert_close(neck.attend(x), expected)
    pooled = (x + expected).mean((2, 3)) @ neck.fc.weight.T + neck.fc.bias
    torch.testing.assert_close(neck((torch.zeros(1), x))[0], pooled)
    for a, b in zip(
        torch.autograd.grad(neck((x,))[0].square().sum(), [x, *neck.parameters()]),
        torch.autograd.grad(pooled.square().sum(), [x, *neck.parameters()]),
    ):
        torch.testing.assert_close(a, b)


def test_attention_of_large_half_precision_maps_is_finite():
    neck = ModulatedAttentionNeck(4, 3, feature_size=2, norm_cfg=None)
    for name in ('query', 'key', 'out'):
        torch.nn.init.ones_(neck.attention[name].weight)
    x = torch.full((1, 4, 2, 2), 200.0)  # whose products are beyond 65504
    with torch.autocast('cpu', dtype=torch.float16):
        assert neck.attend(x).isfinite().all()


def test_initial_weights():
    neck = ModulatedAttentionNeck(400, 3, feature_size=1)
    for name, out in (('query', 200), ('key', 200), ('value', 200)):
        weight = neck.attention[name].weight
        assert weight.shape[:2] == (out, 400)
        assert weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.1)


def test_starts_as_the_first_stages_neck():
    settings = dict(norm_cfg=None, act_cfg=dict(type='ReLU'))
    first = LinearNeck(4, 3, gap_dim=2, **settings)
    second = ModulatedAttentionNeck(4, 3, feature_size=5, **settings)
    missing = second.load_state_dict(first.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all(name.startswith('attention') for name in missing.missing_keys)
    x = (torch.randn(2, 4, 5, 5),)
    torch.testing.assert_close(first(x), second(x))


def test_maps_of_another_size():
    neck = ModulatedAttentionNeck(4, 3, feature_size=7)
    with pytest.raises(ConfigError, match=r'feature_size=\(7, 7\).*\(5, 5\)'):
        neck((torch.randn(2, 4, 5, 5),))
    neck = ModulatedAttentionNeck(4, 3, feature_size=(2, 3))
    with pytest.raises(ConfigError, match=r'feature_size=\(2, 3\).*\(3, 2\)'):
        neck((torch.randn(2, 4, 3, 2),))

"""Second stages: what is frozen, and the classifiers against their formulas."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import (
    BilateralNeck,
    DecoupledClassifier,
    LWSHead,
    NCMHead,
    TauNormHead,
)
from tests.models.samples import samples

HEADS = dict(linear='LinearClsHead', lws='LWSHead')


def make(head='linear', **settings):
    return DecoupledClassifier(
        backbone=dict(type='CIFARResNet', depth=20),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type=HEADS[head], num_classes=4, in_channels=64),
        **settings,
    )


def train_a_step(model):
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.5, weight_decay=0.1, momentum=0.9
    )
    model.train()
    data = dict(inputs=torch.rand(4, 3, 32, 32), data_samples=samples((0, 1, 2, 3)))
    model.train_step(data, OptimWrapper(optimizer))


@pytest.mark.parametrize('eval_frozen', [True, False])
@pytest.mark.parametrize(
    ('head', 'trainable', 'learns'),
    [
        ('linear', ['head'], {'head.fc.weight', 'head.fc.bias'}),
        ('lws', ['head.scales'], {'head.scales'}),
        ('linear', ['head', 'backbone.layer3.2'], None),
    ],
)
def test_only_the_trainable_parts_change(head, trainable, learns, eval_frozen):
    if learns is None:
        names = dict(make(head).named_parameters())
        learns = {n for n in names if n.startswith(('backbone.layer3.2.', 'head.'))}
    model = make(head, trainable=trainable, eval_frozen=eval_frozen)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_a_step(model)
    changed = {
        name
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    parameters = dict(model.named_parameters())
    assert changed & set(parameters) == learns
    statistics = {name for name in changed if 'running' in name}
    frozen_statistics = {n for n in statistics if not n.startswith('backbone.layer3.2')}
    assert bool(frozen_statistics) == (not eval_frozen)


def test_unknown_part():
    with pytest.raises(ConfigError, match=r'head\.fcc'):
        make(trainable=['head.fcc'])


@pytest.mark.parametrize('training', [True, False])
def test_lws(training):
    head = LWSHead(num_classes=3, in_channels=4).double().train(training)
    head.scales.data = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    x = torch.randn(5, 4, dtype=torch.float64)
    found = head((x,))
    for n in range(5):
        for c in range(3):
            logit = sum(head.fc.weight[c, d] * x[n, d] for d in range(4))
            expected = head.scales[c] * (logit + head.fc.bias[c])
            torch.testing.assert_close(found[n, c], expected)


@pytest.mark.parametrize('tau', [0.0, 0.7, 1.0])
def test_tau_norm(tau):
    head = TauNormHead(num_classes=3, in_channels=4, tau=tau).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    torch.testing.assert_close(head((x,)), head.fc(x), msg='training is plain')
    found = head.eval()((x,))
    for n in range(5):
        for c in range(3):
            w = head.fc.weight[c]
            expected = (w * x[n]).sum() / (w * w).sum().sqrt() ** tau
            torch.testing.assert_close(found[n, c], expected)
    assert set(head.state_dict()) == {'fc.weight', 'fc.bias'}


def test_ncm():
    head = NCMHead(num_classes=3, in_channels=4).double().eval()
    means = torch.randn(3, 4, dtype=torch.float64)
    means[1] = 0  # a class without images is never the nearest
    head.set_class_means(means)
    x = torch.randn(5, 4, dtype=torch.float64)
    found = head((x,))
    for n in range(5):
        for c in (0, 2):
            expected = (x[n] * means[c]).sum() / x[n].norm() / means[c].norm()
            torch.testing.assert_close(found[n, c], expected)
        assert found[n, 1] == -torch.inf
        torch.testing.assert_close(found[n].softmax(0).sum().item(), 1.0)
    assert set(head.state_dict()) == {'fc.weight', 'fc.bias'}


def test_ncm_without_means():
    with pytest.raises(ConfigError, match='ClassMeansHook'):
        NCMHead(num_classes=3, in_channels=4).eval()((torch.zeros(1, 4),))


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('branch', ['conventional', 'rebalancing'])
def test_one_branch_of_bbn(branch, training):
    settings = dict(backbone=dict(type='CIFARResNet', depth=20))
    both = BilateralNeck(**settings).eval()
    one = BilateralNeck(**settings, branch=branch).eval()
    one.load_state_dict(both.state_dict())
    x = torch.rand(4, 64, 8, 8)
    expected = both((x,))[0].unflatten(1, (2, 64))[:, int(branch == 'rebalancing')]
    torch.testing.assert_close(one((x,))[0], expected)
    assert one.train(training)((x,))[0].shape == (4, 64)
    with pytest.raises(ConfigError, match='left'):
        BilateralNeck(**settings, branch='left')


@pytest.mark.parametrize('branch', ['bn', 'conv'])
def test_parts_that_learn_are_in_training_mode_with_all_that_is_in_them(branch):
    """Also modules without parameters: dropout, normalisation without affine part."""
    model = DecoupledClassifier(
        backbone=dict(type='CIFARResNet', depth=20),
        head=dict(type='ResLTHead', num_classes=4, in_channels=64, branch=branch),
    )
    model.head.dropout = torch.nn.Dropout()
    model.backbone.dropout = torch.nn.Dropout()
    model.train()
    assert all(module.training for module in model.head.modules())
    assert not any(module.training for module in model.backbone.modules())
    assert model.data_preprocessor.training
    model.eval()
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    ('kind', 'settings'),
    [('CosineClsHead', {}), ('LWSHead', {}), ('TauNormHead', {}), ('NCMHead', {}),
     ('LogitAdjustedHead', {}), ('ResLTHead', dict(groups=[1, 2]))],
)  # fmt: skip
@pytest.mark.parametrize('topk', [1, (1, 2)])
def test_accuracy_of_negative_logits(kind, settings, topk):
    head = MODELS.build(
        dict(
            type=kind, num_classes=3, in_channels=4, cal_acc=True, topk=topk, **settings
        )
    )
    if kind == 'ResLTHead':
        head.set_class_counts([3, 2, 1])
    head.fc.weight.data = -torch.eye(3, 4) - 1
    x = (torch.tensor([[3.0, 1, 2, 1], [1, 2, 3, 1]]).repeat(2, 1),)
    scores = head(x)
    if kind in ('CosineClsHead', 'LWSHead'):
        assert (scores < 0).all()
    labels = [int(scores[0].argmax()), int(scores[1].argmin()), 0, 0]
    ranks = [int((row > row[label]).sum()) for row, label in zip(scores, labels)]
    losses = head.loss(x, samples(labels))
    for k in (1, 2) if topk != 1 else (1,):
        expected = 100 * sum(rank < k for rank in ranks) / 4
        assert float(losses[f'accuracy_top-{k}']) == pytest.approx(expected)
    few = dict(topk=(1, 5)) if topk != 1 else dict(topk=5)
    head.topk = few['topk']
    assert float(head.loss(x, samples([0] * 4))['accuracy_top-5']) == 100
    soft = [DataSample().set_gt_score(torch.full((3,), 1 / 3)) for _ in range(4)]
    assert not [key for key in head.loss(x, soft) if 'accuracy' in key]

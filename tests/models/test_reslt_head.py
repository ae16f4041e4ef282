import copy

import pytest
import torch
from mmpretrain.structures import DataSample
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import ResLTHead
from mmlt_plugin.models.layers import BranchNorm
from tests.models.samples import samples

COUNTS = [500, 5, 100, 40, 0, 90]
CHANNELS = 8


def make_head(seed=0, **kwargs):
    torch.manual_seed(seed)
    head = ResLTHead(num_classes=6, in_channels=CHANNELS, **{'groups': 3, **kwargs})
    head.init_weights()
    for parameter in head.parameters():  # no scale at 1, no shift at 0
        parameter.data += 0.1 * torch.randn_like(parameter)
    head.double().set_class_counts(COUNTS)
    return head


def make_batch(spatial, num_images=5):
    generator = torch.Generator().manual_seed(1)
    shape = (num_images, CHANNELS, *spatial)
    feature = torch.randn(shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(6, (num_images,), generator=generator)
    return feature, samples(labels), labels


class NaiveHead(nn.Module):
    """ResLT's head as the released code builds it, layer by layer, branch by branch."""

    def __init__(self, head, branch):
        super().__init__()
        self.num_branches = head.num_groups
        self.fc = copy.deepcopy(head.fc)
        self.branch = branch
        if branch == 'bn':
            self.bns = nn.ModuleList(
                nn.BatchNorm2d(CHANNELS).double() for _ in range(head.num_groups)
            )
            for b, bn in enumerate(self.bns):
                bn.weight.data.copy_(head.branches.affine.weight[b])
                bn.bias.data.copy_(head.branches.affine.bias[b])
        else:
            self.conv = copy.deepcopy(head.branches.conv)
            self.bn = copy.deepcopy(head.branches.norm)

    def features(self, x, pool_first):
        if pool_first:
            x = nn.functional.adaptive_avg_pool2d(x, 1)
        if self.branch == 'bn':
            maps = [bn(x) for bn in self.bns]
        else:
            maps = self.bn(self.conv(x)).relu().split(CHANNELS, dim=1)
        return [nn.functional.adaptive_avg_pool2d(m, 1).flatten(1) for m in maps]

    def logits(self, x, pool_first=False, tau=None):
        weight, bias = self.fc.weight, self.fc.bias
        if tau is not None:
            norms = torch.stack([sum(w**2 for w in row) ** 0.5 for row in weight])
            weight, bias = torch.stack([w / n**tau for w, n in zip(weight, norms)]), 0
        return [f @ weight.T + bias for f in self.features(x, pool_first)]


@pytest.mark.parametrize(
    'spatial', [(4, 4), (3, 5), ()], ids=['map', 'oblong', 'vector']
)
@pytest.mark.parametrize('branch', ['bn', 'conv'])
@pytest.mark.parametrize('pool', ['after', 'before'])
@pytest.mark.parametrize('groups', [2, 3, 5, [1, 2, 3]], ids=str)
def test_logits_and_gradients_in_training(spatial, branch, pool, groups):
    head = make_head(branch=branch, pool=pool, groups=groups)
    naive = NaiveHead(head, branch)
    x, _, _ = make_batch(spatial)
    x.requires_grad_()
    as_map = x if spatial else x[:, :, None, None]
    logits = head.branch_logits((x,))
    expected = torch.stack(naive.logits(as_map, pool == 'before'), dim=1)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(head((x,)), sum(expected.unbind(1)))
    direction = torch.randn_like(logits)
    (gradient,) = torch.autograd.grad((logits * direction).sum(), x)
    (expected_gradient,) = torch.autograd.grad((expected * direction).sum(), x)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('branch', ['bn', 'conv'])
@pytest.mark.parametrize('eval_pool', [None, 'before', 'after'])
@pytest.mark.parametrize('tau', [None, 0.0, 0.3, 1.0])
def test_evaluation_options(branch, eval_pool, tau):
    head = make_head(branch=branch, eval_pool=eval_pool, tau=tau)
    naive = NaiveHead(head, branch)
    for _ in range(3):  # the same running statistics on both sides
        x, _, _ = make_batch((4, 4))
        head((x,))
        naive.logits(x)
    head.eval()
    naive.eval()
    expected = sum(naive.logits(x, eval_pool == 'before', tau))
    torch.testing.assert_close(head((x,)), expected)


def test_fused_logits_hold_the_shared_bias_once_a_branch():
    head = make_head().eval()
    x, _, _ = make_batch((4, 4))
    before = head((x,))
    head.fc.bias.data += 1
    torch.testing.assert_close(head((x,)), before + 3)


@pytest.mark.parametrize(
    ('nested', 'masks'),
    [
        (True, [[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1], [0, 1, 0, 0, 1, 0]]),
        (False, [[1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 1, 0]]),
    ],
)
def test_masks_follow_the_counts(nested, masks):
    head = make_head(groups=[2, 2, 2], nested=nested)
    assert head.masks.tolist() == masks
    assert 'masks' not in head.state_dict()


@pytest.mark.parametrize('fusion', ['sum', 'main', 'max', 'softmax'])
def test_fusions(fusion):
    head = make_head(fusion=fusion, nested=False)
    x, _, _ = make_batch((4, 4))
    branches = NaiveHead(head, 'bn').logits(x)
    if fusion == 'softmax':
        expected = sum(z.softmax(1) for z in branches) / 3
        torch.testing.assert_close(head((x,)).softmax(1), expected)
    else:
        by_name = dict(
            sum=sum(branches), main=branches[0], max=torch.stack(branches).amax(0)
        )
        torch.testing.assert_close(head((x,)), by_name[fusion])


def test_without_specialisation_all_branches_are_one():
    head = make_head(specialized=False)
    x, _, _ = make_batch((4, 4))
    logits = head.branch_logits((x,))
    assert logits.shape == (5, 3, 6)
    assert torch.equal(logits[:, 0], logits[:, 2])
    assert head.branches.affine.weight.shape == (1, CHANNELS)


@pytest.mark.parametrize('fusion', ['sum', 'main', 'max', 'softmax'])
@pytest.mark.parametrize('soft', [False, True], ids=['hard', 'soft'])
def test_loss_is_the_formula_on_these_logits(soft, fusion):
    head = make_head(
        groups=[2, 2, 2], fusion=fusion, loss=dict(type='ResLTLoss', alpha=0.8)
    )
    x, samples, labels = make_batch((4, 4))
    target = torch.eye(6, dtype=torch.float64)[labels]
    if soft:
        target = 0.7 * target + 0.3 * target.flip(0)
        samples = [DataSample().set_gt_score(row) for row in target]
    losses = head.loss((x,), samples)
    logits, fused = head.branch_logits((x,)), head((x,))
    branch = fusion_loss = pairs = 0.0
    for n in range(5):
        for c in range(6):
            fusion_loss = fusion_loss - target[n, c] * fused[n].log_softmax(0)[c] / 5
            for b in range(3):
                weight = target[n, c] * head.masks[b, c]
                branch = branch - weight * (logits[n, b].softmax(0)[c] + 1e-7).log()
                pairs = pairs + weight
    torch.testing.assert_close(losses['loss_branch'], 0.8 * branch / pairs)
    torch.testing.assert_close(losses['loss_fusion'], 0.2 * fusion_loss)
    assert set(losses) == {'loss_branch', 'loss_fusion'}


def test_accuracy_is_that_of_the_fused_logits():
    head = make_head(cal_acc=True)
    x, samples, labels = make_batch((4, 4))
    head.fc.bias.data -= 100  # negative logits rank like others
    accuracy = head.loss((x,), samples)['accuracy_top-1']
    expected = 100 * (head((x,)).argmax(1) == labels).double().mean()
    assert accuracy.item() == pytest.approx(expected.item())


def test_optimizers_know_the_branches_scale_as_a_normalisation():
    from mmengine.optim import build_optim_wrapper

    head = make_head()
    wrapper = build_optim_wrapper(
        head,
        dict(
            optimizer=dict(type='SGD', lr=0.1, weight_decay=0.05),
            paramwise_cfg=dict(norm_decay_mult=0),
        ),
    )
    decayed = {
        id(p)
        for group in wrapper.param_groups
        if group['weight_decay']
        for p in group['params']
    }
    assert {id(p) for p in head.parameters()} - decayed == {
        id(p) for p in head.branches.parameters()
    }


def test_predictions():
    head = make_head().eval()
    x, samples, _ = make_batch((4, 4))
    for sample, z in zip(head.predict((x,), samples), head((x,))):
        torch.testing.assert_close(sample.pred_score, z.softmax(0))
        assert sample.pred_label.item() == z.argmax()


@pytest.mark.parametrize('num_branches', [2, 3])
def test_parameters_of_the_official_model(num_branches):
    head = ResLTHead(num_classes=100, in_channels=64, groups=num_branches)
    assert sum(p.numel() for p in head.parameters()) == 64 * 2 * num_branches + 6500
    head = ResLTHead(1000, 512, groups=3, branch='conv')
    assert sum(p.numel() for p in head.branches.parameters()) == 789_504


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(groups=[2, 2]), r'groups=\[2, 2\].*num_classes=6'),
        (dict(groups=1), 'groups=1'),
        (dict(branch='mlp'), "branch='mlp'"),
        (dict(fusion='mean'), "fusion='mean'"),
        (dict(pool='max'), "pool='max'"),
        (dict(eval_pool='max'), "eval_pool='max'"),
        (dict(loss=dict(type='ResLTLoss', alpha=2)), 'alpha=2'),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make_head(**wrong)


def test_what_is_missing_is_named():
    head = ResLTHead(num_classes=6, in_channels=CHANNELS)
    _, samples, _ = make_batch((4, 4))
    feature = torch.zeros(5, CHANNELS, 4, 4)
    with pytest.raises(ConfigError, match='ClassCountsHook'):
        head.loss((feature,), samples)
    with pytest.raises(ConfigError, match='has 7 classes'):
        head.set_class_counts([1] * 7)
    with pytest.raises(ConfigError, match='in_channels=8'):
        head((torch.zeros(5, 4, 4, 4),))
    with pytest.raises(ConfigError, match='maps'):
        head((torch.zeros(5, 17, CHANNELS),))


@pytest.mark.parametrize('branch', ['bn', 'conv'])
def test_a_trace_takes_any_batch(branch):
    head = ResLTHead(4, 8, groups=2, branch=branch, eval_pool='before', tau=0.5).eval()

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = head

        def forward(self, x):
            return self.head((x,))

    traced = torch.jit.trace(Logits(), torch.randn(1, 8, 5, 5))
    x = torch.randn(3, 8, 5, 5)
    torch.testing.assert_close(traced(x), head((x,)))


def test_other_counts_make_other_groups(warned):
    head = ResLTHead(4, 8, groups=2)
    for counts in ([100, 50, 2, 1], [1, 2, 50, 100]):
        head.set_class_counts(counts)
    assert head.masks.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    ResLTHead(4, 8).set_class_counts([100, 100, 1, 1])
    assert 'group 1 has no class' in warned[-1]


@pytest.mark.parametrize('branch', ['bn', 'conv'])
def test_normalisation_of_the_branches_is_the_configs(branch):
    head = ResLTHead(4, 8, branch=branch, norm_cfg=dict(type='SyncBN'))
    assert isinstance(head.branches.norm, nn.SyncBatchNorm)
    frozen = BranchNorm(8, 3, dict(type='BN', requires_grad=False))
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


@pytest.mark.parametrize('pool', ['before', 'after'])
def test_a_last_batch_of_one_image(pool):
    """A vector has no variance then; a map has, unless it is pooled first."""
    head = ResLTHead(num_classes=6, in_channels=4, groups=3, pool=pool)
    head.set_class_counts([9, 8, 7, 3, 2, 1])
    for shape, fits in (((1, 4), False), ((1, 4, 3, 3), pool == 'after')):
        if fits:
            head.loss((torch.randn(shape),), samples([0]))
            continue
        with pytest.raises(ConfigError, match=r'single image.*drop_last=True'):
            head.loss((torch.randn(shape),), samples([0]))
    assert head.eval()((torch.randn(1, 4),)).shape == (1, 6)

import math

import pytest
import torch

from mmlt_plugin.models import ResLTLoss


def naive_loss(branch_logits, fused_logits, target, masks, alpha, eps, fusion_eps):
    """Eqs. 1 to 3 with the released code's normaliser, one number at a time.

    A soft label is replaced by its definition: the expectation over hard labels.
    """
    num_images, num_branches, num_classes = branch_logits.shape

    def element(logits, label, eps):
        total = sum(math.e ** logits[c] for c in range(num_classes))
        return -torch.log(math.e ** logits[label] / total + eps)

    branch, pairs, fusion = 0.0, 0.0, 0.0
    for n in range(num_images):
        for c in range(num_classes):
            p = float(target[n] == c) if target.dim() == 1 else float(target[n, c])
            if p == 0:
                continue
            fusion = fusion + p * element(fused_logits[n], c, fusion_eps)
            for b in range(num_branches):
                if masks[b, c]:
                    branch = branch + p * element(branch_logits[n, b], c, eps)
                    pairs += p
    return alpha * branch / pairs + (1 - alpha) * fusion / num_images


def random_case(seed, groups, num_images=7, num_classes=6, soft=False, nested=True):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(
        num_images, len(groups), num_classes, generator=generator, dtype=torch.float64
    ).mul_(3)
    target = torch.randint(num_classes, (num_images,), generator=generator)
    if soft:
        other = torch.randint(num_classes, (num_images,), generator=generator)
        share = torch.rand(num_images, 1, generator=generator, dtype=torch.float64)
        one_hot = torch.eye(num_classes, dtype=torch.float64)
        target = share * one_hot[target] + (1 - share) * one_hot[other]
    masks = torch.zeros(len(groups), num_classes, dtype=torch.float64)
    for b in range(len(groups)):
        for group in groups[b:] if nested else groups[b : b + 1]:
            masks[b, group] = 1
    return logits.requires_grad_(), target, masks


GROUPS = {
    'two': [[0, 1, 2], [3, 4, 5]],
    'three': [[5], [0, 2], [1, 3, 4]],
    'five': [[0], [1], [2], [3], [4, 5]],
    'empty middle group': [[0, 1, 2], [], [3, 4, 5]],
    'empty tail': [[0, 1, 2], [3, 4, 5], []],
}


@pytest.mark.parametrize('nested', [True, False])
@pytest.mark.parametrize('soft', [False, True], ids=['hard', 'soft'])
@pytest.mark.parametrize('groups', GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize(
    ('alpha', 'eps', 'fusion_eps'),
    [(0.995, 1e-7, 0.0), (0.7, 0.0, 0.0), (1.0, 1e-2, 0.0), (0.0, 1e-7, 1e-7)],
)
def test_against_naive_reference(groups, soft, nested, alpha, eps, fusion_eps):
    logits, target, masks = random_case(0, groups, soft=soft, nested=nested)
    losses = ResLTLoss(alpha, eps, fusion_eps)(logits, logits.sum(1), target, masks)
    (gradient,) = torch.autograd.grad(sum(losses.values()), logits)
    expected = naive_loss(logits, logits.sum(1), target, masks, alpha, eps, fusion_eps)
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(sum(losses.values()), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-8, atol=1e-11)


def test_loss_weight_is_a_factor_of_both_terms():
    logits, target, masks = random_case(0, GROUPS['three'])
    plain = ResLTLoss(0.7)(logits, logits.sum(1), target, masks)
    halved = ResLTLoss(0.7, loss_weight=0.5)(logits, logits.sum(1), target, masks)
    assert all(
        plain[key] == 2 * halved[key] > 0 for key in ('loss_branch', 'loss_fusion')
    )


def test_a_batch_without_tail_images_adds_nothing_for_the_tail():
    logits, _, masks = random_case(1, GROUPS['three'])
    target = torch.full((7,), 5)  # class 5 is the head
    losses = ResLTLoss(1.0, branch_eps=0.0)(logits, logits.sum(1), target, masks)
    plain = torch.nn.functional.cross_entropy(logits[:, 0], target)
    torch.testing.assert_close(losses['loss_branch'], plain)
    (gradient,) = torch.autograd.grad(losses['loss_branch'], logits)
    assert gradient[:, 1:].abs().max() == 0


def test_one_hot_soft_labels_equal_hard_ones():
    logits, target, masks = random_case(2, GROUPS['three'])
    loss = ResLTLoss(0.9)
    hard = loss(logits, logits.sum(1), target, masks)
    soft = loss(logits, logits.sum(1), torch.eye(6, dtype=torch.float64)[target], masks)
    for name in hard:
        torch.testing.assert_close(soft[name], hard[name])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    # With 1e-7 rounded to zero the loss of a hopeless image would be infinite.
    logits = torch.zeros(1, 2, 3, dtype=dtype)
    logits[..., 1] = 200
    masks = torch.ones(2, 3)
    losses = ResLTLoss(1.0)(logits, logits.sum(1), torch.tensor([0]), masks)
    assert losses['loss_branch'].item() == pytest.approx(-math.log(1e-7), rel=1e-4)


def loss_on_a_rank(rank, logits, target, masks, sizes):
    start = sum(sizes[:rank])
    images = slice(start, start + sizes[rank])
    logits = logits[images].clone().requires_grad_()
    losses = ResLTLoss(0.9)(logits, logits.sum(1), target[images], masks)
    (gradient,) = torch.autograd.grad(sum(losses.values()), logits)
    return {k: v.item() for k, v in losses.items()}, gradient


@pytest.mark.parametrize('soft', [False, True], ids=['hard', 'soft'])
@pytest.mark.parametrize('sizes', [(4, 4), (5, 3), (1, 7)])
@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2, sizes, soft):
    logits, target, masks = random_case(3, GROUPS['three'], num_images=8, soft=soft)
    whole = ResLTLoss(0.9)(logits, logits.sum(1), target, masks)
    (expected,) = torch.autograd.grad(sum(whole.values()), logits)
    ranks = gloo2.run(loss_on_a_rank, logits.detach(), target, masks, sizes)
    for name in whole:  # DDP averages over ranks
        mean = sum(losses[name] for losses, _ in ranks) / 2
        assert mean == pytest.approx(whole[name].item(), rel=1e-12)
    gradient = torch.cat([gradient for _, gradient in ranks]) / 2
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)

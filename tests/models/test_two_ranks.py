"""Every head with its loss: two ranks of B / 2 images equal one of B."""

from copy import deepcopy

import pytest
import torch
from mmpretrain.registry import MODELS

import mmlt_plugin  # noqa: F401 - registers everything
from tests.models.samples import samples

COUNTS = [500, 90, 40, 6, 0]
DIM = 8
HEADS = {
    'ResLT, norm': dict(type='ResLTHead', groups=3),
    'ResLT, disjoint, max': dict(type='ResLTHead', groups=[2, 3], nested=False, fusion='max'),
    'BBN': dict(type='BBNHead'),
    'BBN with balanced softmax': dict(type='BBNHead', loss=dict(type='BalancedSoftmaxLoss')),
    'LDAM': dict(type='CosineClsHead', loss=dict(type='LDAMLoss', scheme='effective')),
    'CB-focal': dict(type='LinearClsHead', loss=dict(type='ReweightedLoss', scheme='effective', gamma=1.0)),
    'RW of mmpretrain': dict(type='LinearClsHead', loss=dict(type='ReweightedLoss', scheme='inverse', normalizer='batch')),
    'logit adjustment': dict(type='LinearClsHead', loss=dict(type='LogitAdjustedLoss')),
    'SEQL': dict(type='LinearClsHead', loss=dict(type='SoftmaxEqualizationLoss', threshold=0.1, gamma=1.0)),
    'TDE': dict(type='TDEHead', loss=dict(type='CrossEntropyLoss')),
    'LWS': dict(type='LWSHead', loss=dict(type='CrossEntropyLoss')),
    'tau-norm': dict(type='TauNormHead', loss=dict(type='CrossEntropyLoss')),
    'post-hoc logit adjustment': dict(type='LogitAdjustedHead', loss=dict(type='CrossEntropyLoss')),
    'NCM': dict(type='NCMHead', loss=dict(type='CrossEntropyLoss')),
    'RIDE': dict(type='MultiExpertHead', head=dict(type='CosineClsHead', loss=dict(type='RIDELoss', loss=dict(type='LDAMLoss', scheme='effective'), imbalance=0.3))),
    'ResLT on experts': dict(type='MultiExpertHead', head=dict(type='ResLTHead', groups=3)),
    'ELF': dict(type='EarlyExitHead', confidence=0.3, head=dict(type='CosineClsHead', loss=dict(type='LDAMLoss', scheme='effective'))),
}  # fmt: skip
LABELS = [0, 0, 1, 3, 2, 0, 1, 0]


def loss_and_gradients(name, items):
    """Loss and gradients of some of the eight images."""
    torch.manual_seed(0)
    cfg = deepcopy(HEADS[name])
    cfg.get('head', cfg).update(num_classes=5, in_channels=DIM)
    if cfg['type'] == 'EarlyExitHead':
        cfg['in_channels'] = [cfg['head'].pop('in_channels')] * 3
    head = MODELS.build(cfg).double()
    for module in head.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(COUNTS)
        if hasattr(module, 'set_alpha'):
            module.set_alpha(0.7)
    head.double()
    # Batch statistics are a rank's own by design, and SyncBN needs GPUs.
    for module in head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    features = torch.randn(8, DIM, dtype=torch.float64)
    chosen = features[items]
    if name.startswith('BBN'):  # pairs of a uniform and a re-balanced image
        pairs = features.unflatten(0, (2, 4)).transpose(0, 1).flatten(1)[:, :DIM]
        chosen = pairs[items[: len(items) // 2]]
    feats = (chosen,)
    if 'head' in cfg:  # of several
        feats = tuple(torch.cat([chosen[:, n:], chosen[:, :n]], 1) for n in range(3))
    losses = head.loss(feats, samples(LABELS[i] for i in items))
    total = sum(value for key, value in losses.items() if 'loss' in key)
    parameters = list(head.parameters())
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return total.detach(), [
        torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients)
    ]


def on_rank(rank, name):
    if name.startswith('BBN'):
        items = [rank, rank + 2, rank + 4, rank + 6]  # of both halves
    else:
        items = list(range(rank, 8, 2))
    return loss_and_gradients(name, items)


@pytest.mark.promise('two ranks compute what one process does')
@pytest.mark.parametrize('name', HEADS)
def test_two_ranks_equal_one(gloo2, name):
    parts = gloo2.run(on_rank, name)
    total, gradients = loss_and_gradients(name, list(range(8)))
    # As DDP does it: the mean over the ranks.
    found = torch.stack([loss for loss, _ in parts]).mean()
    torch.testing.assert_close(found, total, rtol=1e-6, atol=1e-9)
    for number, expected in enumerate(gradients):
        mean = torch.stack([part[number] for _, part in parts]).mean(0)
        torch.testing.assert_close(mean, expected, rtol=1e-6, atol=1e-9)

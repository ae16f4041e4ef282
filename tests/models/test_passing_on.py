"""Heads pass further arguments of their loss on to the criterion."""

import pytest
import torch
from mmpretrain.registry import MODELS

from tests.models.samples import samples


class Listener(torch.nn.Module):
    """A criterion that records the argument it gets."""

    heard: list

    def forward(self, logits, *_, **kwargs):
        self.heard.append(kwargs.get('word'))
        return logits.sum(1)


LINEAR = dict(type='LinearClsHead', loss=dict(type=Listener))
RIDE = dict(type='RIDELoss', loss=dict(type=Listener))
FEATURES = dict(type='FeatureLossHead', feature_loss=dict(type='RangeLoss'))
HEADS = {
    'cosines': dict(type='CosineClsHead', scale=2.0),
    'features': FEATURES,
    'OLTR': dict(type='OLTRHead'),
    'FSLwF, first stage': dict(type='FSLwFHead'),
    'FSLwF': dict(type='FSLwFHead', novel=1, exemplars=1),
    'RIDE': dict(type='MultiExpertHead', head=dict(LINEAR, loss=RIDE)),
    'experts': dict(type='MultiExpertHead', head=LINEAR),
    'ELF': dict(type='EarlyExitHead', head=LINEAR, in_channels=[4, 4, 4]),
}


@pytest.mark.parametrize('name', HEADS)
def test_a_word_is_passed_on(name, monkeypatch):
    monkeypatch.setattr(Listener, 'heard', [], raising=False)
    cfg = dict(HEADS[name])
    if 'head' in cfg:
        cfg['head'] = dict(cfg['head'], num_classes=3)
        if 'in_channels' not in cfg:
            cfg['head']['in_channels'] = 4
    else:
        cfg.update(num_classes=3, in_channels=4, loss=dict(type=Listener))
    feats = tuple(torch.randn(3, 6, 4))
    MODELS.build(cfg).loss(feats, samples([0, 0, 0, 1, 1, 2]), word='hello')
    assert set(Listener.heard) == {'hello'}

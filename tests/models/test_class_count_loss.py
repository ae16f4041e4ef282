"""The base of losses with class counts: divisors, refusals and constants."""

import pytest
import torch

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LDAMLoss, ReweightedLoss, RIDELoss
from tests.pretend_device import NAME

LOGITS = torch.tensor([[1.0, -1], [0.5, 2], [0, 0.3], [2, 1]])


LABEL = torch.tensor([0, 1, 1, 0])


def reweighted(**settings):
    loss = ReweightedLoss(**settings)
    loss.set_class_counts([3, 1])
    return loss


def test_divisors():
    loss = reweighted(normalizer='batch')
    total = loss(LOGITS, LABEL, reduction_override='sum')
    torch.testing.assert_close(loss(LOGITS, LABEL, avg_factor=8), total / 8)
    loss = reweighted(scheme='inverse')
    some = torch.tensor([1.0, 0, 1, 0])
    torch.testing.assert_close(
        loss(LOGITS, LABEL, weight=some), loss(LOGITS[::2], LABEL[::2])
    )
    assert loss(LOGITS, LABEL, weight=torch.zeros(4)) == 0


def test_the_number_of_images_is_that_of_all_ranks(monkeypatch):
    module = 'mmlt_plugin.models.losses.class_count_loss'
    monkeypatch.setattr(f'{module}.all_reduce', lambda total: total.add_(6))
    monkeypatch.setattr(f'{module}.get_world_size', lambda: 2)
    loss = reweighted(normalizer='batch')
    total = loss(LOGITS, LABEL, reduction_override='sum')
    # The mean over (4 + 6) images of two ranks, whose gradients are averaged.
    torch.testing.assert_close(loss(LOGITS, LABEL), total / 5)


def test_counts_of_more_classes_than_logits():
    loss = ReweightedLoss()
    loss.set_class_counts([3, 1, 2])
    with pytest.raises(ConfigError, match='images of 3 classes'):
        loss(LOGITS, LABEL)


@pytest.mark.parametrize('gamma', [0.5, 1.0])
def test_gradients_of_the_focal_loss_where_an_image_is_certain(gamma):
    logits = torch.tensor([[60.0, -60]], requires_grad=True)
    reweighted(gamma=gamma)(logits, torch.tensor([0])).backward()
    assert logits.grad.isfinite().all()


def test_constants_keep_their_precision():
    loss = reweighted(scheme='effective').float().half()
    assert loss.weights.dtype == loss.counts.dtype == torch.float64


@pytest.mark.parametrize(
    'loss',
    [ReweightedLoss(scheme='inverse'), LDAMLoss(), RIDELoss(dict(type='LDAMLoss'))],
    ids=lambda loss: type(loss).__name__,
)
def test_counts_that_come_when_the_model_has_moved_go_there(loss, on_pretend_device):
    loss.to(NAME)
    loss.set_class_counts([3, 1])
    for name in loss.constants:
        constant = getattr(loss, name)
        assert constant.device.type == NAME
        assert constant.dtype == torch.float64

"""Small heads of experts and their losses, for tests of RIDE."""

import torch

from mmlt_plugin.models import MultiExpertHead

C, K, N = 5, 3, 6
COUNTS = [500, 90, 40, 6, 1]
LINEAR = dict(type='LinearClsHead', num_classes=C, in_channels=4)
LOSSES = {
    'cross-entropy': dict(type='CrossEntropyLoss'),
    'LDAM-DRW': dict(type='LDAMLoss', scheme='effective', scale=7.0),
}


def make_head(head=LINEAR):
    torch.manual_seed(0)
    return MultiExpertHead(head=head, experts=K)

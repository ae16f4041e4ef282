"""Small experts and students, for tests of LFME."""

import torch

from mmlt_plugin.models import LFMEClassifier

COUNTS = [300, 7, 50, 120, 20, 100, 3]
SPLITS = dict(many=[0, 3], medium=[2, 4, 5], few=[1, 6])
NET = dict(
    backbone=dict(type='CIFARResNet', depth=8),
    neck=dict(type='GlobalAveragePooling'),
    data_preprocessor=dict(mean=[77.0] * 3, std=[96.0] * 3),
)


def make_expert(split, seed, classes=7, counts=COUNTS):
    torch.manual_seed(seed)
    head = dict(type='ShotSplitHead', num_classes=classes, in_channels=64, split=split)
    expert = LFMEClassifier(**NET, head=head)
    expert.head.set_class_counts(counts)
    return expert.eval()


def make_student(temperature=2.0):
    torch.manual_seed(0)
    head = dict(type='LinearClsHead', num_classes=7, in_channels=64)
    return LFMEClassifier(**NET, head=head, temperature=temperature)

"""Data samples with labels, as heads get them."""

from mmpretrain.structures import DataSample


def samples(labels):
    return [DataSample().set_gt_label(int(label)) for label in labels]

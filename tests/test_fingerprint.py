"""A fingerprint tells data apart, through any wrappers."""

import hashlib

import numpy as np
import pytest
from torch.utils.data import ConcatDataset, Dataset, Subset

from mmlt_plugin.datasets import Digits, LongTailedDataset
from mmlt_plugin.fingerprint import data_fingerprint


class LabelsAlone(Dataset):
    """A dataset with labels but no annotations."""

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def get_cat_ids(self, idx):
        return [self.labels[idx]]


DIGITS = Digits(split='train')
WRAPPERS = {
    'none': lambda items: DIGITS.get_subset(items),
    'subset': lambda items: Subset(DIGITS, items),
    'concatenation': lambda items: ConcatDataset(
        [Subset(DIGITS, items[:3]), DIGITS.get_subset(items[3:])]
    ),
    'subset of a concatenation': lambda items: Subset(
        ConcatDataset([Digits(split='test'), DIGITS]),
        [len(Digits(split='test')) + i for i in items],
    ),
}


@pytest.mark.parametrize('wrap', WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_do_not_matter_and_images_do(wrap):
    items = [5, 17, 3, 90, 41]
    found = data_fingerprint(wrap(items))
    assert found == data_fingerprint(WRAPPERS['none'](items))
    labels = DIGITS.get_gt_labels()
    other = next(
        i for i in range(100, 200) if labels[i] == labels[41] and i not in items
    )
    assert found != data_fingerprint(wrap([*items[:4], other]))
    assert found != data_fingerprint(wrap(items[::-1]))


def test_labels_alone():
    found = data_fingerprint(LabelsAlone([0, 2, 1]))
    assert found == data_fingerprint(LabelsAlone([0, 2, 1]))
    assert found != data_fingerprint(LabelsAlone([0, 1, 2]))


def test_another_subset_is_other_data():
    prints = {
        data_fingerprint(LongTailedDataset(DIGITS, imbalance_factor=0.1, seed=seed))
        for seed in (0, 0, 1)
    }
    assert len(prints) == 2


def test_names_that_are_not_utf8():
    """They count as their bytes."""
    infos = [
        dict(img_path=f'cat/{name}.jpg', gt_label=0) for name in ('caf\udce9', 'é')
    ]
    prints = [data_fingerprint(Rows([info])) for info in infos]
    assert prints[0] != prints[1]
    name = hashlib.sha256(np.zeros(1, np.int64).tobytes() + b'cat/caf\xe9.jpg')
    assert prints[0] == name.hexdigest()[:16]


class Rows(LabelsAlone):
    """The same with annotations."""

    def __init__(self, infos):
        super().__init__([info['gt_label'] for info in infos])
        self.get_data_info = infos.__getitem__

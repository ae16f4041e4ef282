"""A dataset with labels only."""

import numpy as np


class Labels:
    """A dataset with labels only, in mixed order."""

    metainfo = dict(classes=())

    def __init__(self, counts, seed=0):
        labels = np.repeat(np.arange(len(counts)), counts)
        self.labels = np.random.default_rng(seed).permutation(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        return idx

    def get_gt_labels(self):
        return self.labels

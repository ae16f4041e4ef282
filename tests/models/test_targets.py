"""Labels of a batch as one tensor."""

import pytest
import torch
from mmpretrain.structures import DataSample

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models.heads.targets import own_labels, stack_labels, stack_targets
from tests.models.samples import samples


def test_hard_and_soft_labels():
    hard = samples([2, 0])
    assert stack_targets(hard).tolist() == stack_labels(hard, '').tolist() == [2, 0]
    scores = torch.rand(2, 3)
    soft = [s.set_gt_score(score) for s, score in zip(hard, scores)]
    assert torch.equal(stack_targets(soft), scores)
    assert own_labels(soft).tolist() == [2, 0]
    with pytest.raises(ConfigError, match='OLTRHead got soft labels'):
        stack_labels(soft, 'OLTRHead')


@pytest.mark.parametrize('labels', [[[0, 1], [2]], [[], [2]], [[0, 1], []]])
def test_images_of_several_labels_are_refused(labels):
    batch = [DataSample().set_gt_label(label) for label in labels]
    with pytest.raises(ConfigError, match='each needs exactly one'):
        stack_targets(batch)


def test_one_sample_of_a_whole_batch():
    batch = [DataSample().set_gt_label(torch.tensor([3, 1, 2]))]
    assert stack_targets(batch).tolist() == [3, 1, 2]

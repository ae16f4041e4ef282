import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.runner.runner import _SlicedDataset
from mmpretrain.datasets import BaseDataset, KFoldDataset
from mmpretrain.registry import DATASETS
from torch.utils.data import ConcatDataset as TorchConcatDataset
from torch.utils.data import Subset

from mmlt_plugin.class_counts import (
    class_groups,
    shot_splits,
    training_class_counts,
)
from mmlt_plugin.datasets import LongTailedDataset
from mmlt_plugin.datasets.dataset_wrapper import DatasetWrapper
from mmlt_plugin.datasets.pipelines import datasets_with_pipeline
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.labels import resolve_labels


@DATASETS.register_module()
class LabelsOnly(BaseDataset):
    """A dataset of given labels and no images."""

    def __init__(self, labels, num_classes=None, **kwargs):
        self.labels = list(labels)
        names = [str(c) for c in range(num_classes or max(self.labels) + 1)]
        super().__init__(ann_file='', metainfo=dict(classes=names), **kwargs)

    def load_data_list(self):
        return [dict(img=i, gt_label=label) for i, label in enumerate(self.labels)]


def naive_labels(dataset):
    """Every item's label through the public interface, one by one."""
    return [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]


LABELS = [2, 0, 1, 0, 0, 2, 0, 1, 0, 4]


@pytest.mark.parametrize(
    'wrap',
    [
        lambda d: d,
        lambda d: RepeatDataset(d, times=3),
        lambda d: ConcatDataset([d, LabelsOnly([1, 1, 3], 5)]),
        lambda d: ClassBalancedDataset(d, oversample_thr=0.5),
        lambda d: KFoldDataset(dict(type='LabelsOnly', labels=LABELS), num_splits=3),
        lambda d: KFoldDataset(
            dict(type='LongTailedDataset', imbalance_factor=0.5, dataset=d), num_splits=3
        ),
        lambda d: LongTailedDataset(d, imbalance_factor=0.5),
        lambda d: LongTailedDataset(RepeatDataset(d, times=2), imbalance_factor=0.5),
        lambda d: ConcatDataset(
            [
                dict(type='RepeatDataset', dataset=dict(type=LabelsOnly, labels=LABELS), times=2),
                dict(type=LongTailedDataset, dataset=dict(type=LabelsOnly, labels=LABELS)),
            ]
        ),
    ],
    ids=['leaf', 'repeat', 'concat', 'balanced', 'kfold', 'kfold-of-lt', 'lt', 'lt-of-repeat', 'nest'],
)  # fmt: skip
def test_labels_through_wrappers(wrap):
    leaf = LabelsOnly(LABELS)
    dataset = wrap(leaf)
    labels = resolve_labels(dataset)
    assert labels.dtype == np.int64
    assert labels.tolist() == naive_labels(dataset)
    assert resolve_labels(leaf) is resolve_labels(leaf)  # read once


def test_labels_of_a_slice_for_debugging():
    """mmengine's ``num_batch_per_epoch``."""
    leaf = LabelsOnly(LABELS)
    leaf.pipeline = []
    dataset = _SlicedDataset(leaf, 4)
    assert resolve_labels(dataset).tolist() == LABELS[:4]
    assert list(datasets_with_pipeline(dataset)) == [leaf]


def test_labels_of_a_torch_subset():
    subset = Subset(LabelsOnly(LABELS), [9, 0, 0])
    assert resolve_labels(subset).tolist() == [4, 2, 2]


def test_a_repeated_image_counts_once():
    leaf = LabelsOnly(LABELS)
    expected = [5, 2, 2, 0, 1, 0]  # 3 absent in the middle, 5 absent last
    for dataset in (
        leaf,
        RepeatDataset(leaf, times=7),
        ClassBalancedDataset(leaf, oversample_thr=0.9),
        Subset(leaf, [*range(10), 0, 0]),
    ):
        assert training_class_counts(dataset, 6).tolist() == expected
    both = ConcatDataset([leaf, LabelsOnly(LABELS)])
    assert training_class_counts(both, 6).tolist() == [2 * n for n in expected]


def test_the_cache_notices_a_dataset_that_was_cut():
    dataset = LabelsOnly(LABELS)
    resolve_labels(dataset)
    dataset.get_subset_([0, 9])
    assert resolve_labels(dataset).tolist() == [2, 4]


@pytest.mark.parametrize('labels', [[0, 1, 5], [0, 1, 3], [0, -1, 2]])
def test_label_outside_the_classes(labels):
    with pytest.raises(ConfigError, match=r'outside 0\.\.2'):
        training_class_counts(LabelsOnly(labels, 3), 3)


def test_labels_of_a_wrapper_are_its_own_and_nobody_writes_into_them():
    class Coarse(DatasetWrapper):
        def get_gt_labels(self):
            return super().get_gt_labels() // 3

    leaf = LabelsOnly(LABELS)
    coarse = [label // 3 for label in LABELS]
    assert resolve_labels(Coarse(leaf)).tolist() == coarse
    assert [Coarse(leaf).get_cat_ids(i)[0] for i in range(len(leaf))] == coarse
    twice = Subset(Coarse(leaf), [*range(10), *range(10)])
    assert training_class_counts(twice, 2).tolist() == [9, 1]
    subset = Subset(leaf, [0, 1])
    resolve_labels(subset)
    subset.indices = [2, 9, 9]
    assert resolve_labels(subset).tolist() == [1, 4, 4]
    with pytest.raises(ValueError, match='read-only'):
        resolve_labels(leaf)[:] = 0


def test_a_dataset_that_is_twice_in_a_concatenation_has_its_images_once():
    leaf, other = LabelsOnly([0, 0, 1]), LabelsOnly([0, 0, 1])
    concatenated = TorchConcatDataset([leaf, Subset(other, [0, 1, 2] * 2), leaf])
    assert len(concatenated) == 12
    assert training_class_counts(concatenated, 2).tolist() == [4, 2]


def test_equally_large_classes_are_one_group():
    assert [len(g) for g in class_groups([7, 7, 0, 7], 3)] == [0, 0, 4]


def test_datasets_without_single_labels_are_refused():
    class Nothing:
        def __len__(self):
            return 3

    class Several(Nothing):
        def get_cat_ids(self, idx):
            return [0, 1]

    with pytest.raises(ConfigError, match='get_gt_labels'):
        resolve_labels(Nothing())

    class Uneven(Nothing):
        def get_gt_labels(self):
            return [[0], [0, 1], [2]]

    for dataset in (Several(), Uneven()):
        with pytest.raises(ConfigError, match='exactly one'):
            resolve_labels(dataset)


def test_shot_splits_have_inclusive_bounds():
    counts = [0, 19, 20, 21, 99, 100, 101, 1000]
    splits = shot_splits(counts)
    assert splits['few'].tolist() == [0, 1]
    assert splits['medium'].tolist() == [2, 3, 4, 5]
    assert splits['many'].tolist() == [6, 7]
    assert shot_splits(counts, many=20, few=20)['medium'].tolist() == [2]
    with pytest.raises(ConfigError, match='few'):
        shot_splits(counts, many=10, few=20)


def cifar_counts(num_classes, factor):
    size = 50000 / num_classes
    return [int(size * factor ** (i / (num_classes - 1))) for i in range(num_classes)]


@pytest.mark.parametrize('factor', [0.01, 0.02, 0.1])
@pytest.mark.parametrize(
    ('num_classes', 'sizes'), [(10, [3, 3, 4]), (100, [33, 33, 34])]
)
def test_equal_imbalance_groups_of_cifar_lt(num_classes, sizes, factor):
    groups = class_groups(cifar_counts(num_classes, factor), 3)
    assert [len(group) for group in groups] == sizes


@pytest.mark.parametrize('num_groups', [2, 3, 4, 5])
def test_groups_partition_any_counts(num_groups):
    generator = np.random.default_rng(num_groups)
    for _ in range(50):
        counts = np.floor(generator.pareto(1.0, size=20) * 10).astype(int)
        counts[3] = 7  # at least one class has images
        groups = class_groups(counts, num_groups)
        assert len(groups) == num_groups
        assert sorted(np.concatenate(groups)) == list(range(20))
        largest, smallest = counts.max(), counts[counts > 0].min()
        for g, group in enumerate(groups):
            for c in group:  # the rule, class by class
                upper = largest * (smallest / largest) ** (g / num_groups)
                lower = largest * (smallest / largest) ** ((g + 1) / num_groups)
                assert counts[c] <= upper * (1 + 1e-9)
                if g < num_groups - 1:
                    assert counts[c] > lower * (1 - 1e-9)


@pytest.mark.parametrize('num_groups', [2, 3, 4, 5])
@pytest.mark.parametrize('base', [2, 3, 7, 10])
def test_a_count_on_a_cut_belongs_to_the_rarer_group(num_groups, base):
    counts = [base**k for k in range(num_groups, -1, -1)]
    groups = class_groups(counts, num_groups)
    assert [len(group) for group in groups] == [1] * (num_groups - 1) + [2]


def test_explicit_groups_sort_by_count_then_class_id():
    groups = class_groups([5, 9, 5, 0, 9], [1, 2, 2])
    assert [group.tolist() for group in groups] == [[1], [4, 0], [2, 3]]
    for sizes in ([1, 2], [5, 0], [3, 3], [5]):
        with pytest.raises(ConfigError, match='sum to'):
            class_groups([5, 9, 5, 0, 9], sizes)
    with pytest.raises(ConfigError, match='no class'):
        class_groups([0, 0, 0], 3)
    assert len(class_groups([5, 9, 5, 0, 9], np.int64(2))) == 2
    for number in (0, -1):
        with pytest.raises(ConfigError, match=f'groups={number} must be'):
            class_groups([5, 9, 5, 0, 9], number)

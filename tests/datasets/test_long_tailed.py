import numpy as np
import pytest
from mmengine.dataset import RepeatDataset
from mmpretrain.registry import DATASETS

from mmlt_plugin.datasets import LongTailedDataset, RedrawBroken, long_tailed_counts
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.labels import resolve_labels

WHOLE = dict(type='Digits', split='train')
# Images in all, from the papers' data set; classes, imbalance factor.
PUBLISHED = {
    (10, 0.1): 20431, (10, 0.02): 13996, (10, 0.01): 12406,
    (100, 0.1): 19573, (100, 0.02): 12608, (100, 0.01): 10847,
}  # fmt: skip


@pytest.mark.parametrize(('num_classes', 'factor'), PUBLISHED)
def test_published_sizes(num_classes, factor):
    counts = long_tailed_counts(50000, num_classes, factor)
    assert sum(counts) == PUBLISHED[num_classes, factor]
    assert counts[-1] == round(50000 / num_classes * factor)


def test_published_counts():
    assert long_tailed_counts(50000, 10, 0.02) == [
        5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100,
    ]  # fmt: skip
    assert long_tailed_counts(50000, 10, 0.02, 'step') == [5000] * 5 + [100] * 5
    assert long_tailed_counts(50, 5, 0.1, 'step') == [10, 10, 1, 1, 1]


def test_pareto_ends_where_it_should_and_nears_exp_with_its_power():
    counts = long_tailed_counts(10**9, 50, 0.01, 'pareto', pareto_power=6)
    assert counts[0] == 2 * 10**7
    assert counts[-1] == pytest.approx(2 * 10**5, rel=1e-4)
    naive = [2e7 * (1 + i / 49 * (0.01 ** (-1 / 6) - 1)) ** -6 for i in range(50)]
    np.testing.assert_allclose(counts, naive, rtol=1e-4)
    exponential = long_tailed_counts(10**9, 50, 0.01)
    near_exponential = long_tailed_counts(10**9, 50, 0.01, 'pareto', pareto_power=1e6)
    np.testing.assert_allclose(near_exponential, exponential, rtol=1e-3)


def community_subset(labels, counts, seed):
    """The published procedure with NumPy's global generator."""
    np.random.seed(seed)  # noqa: NPY002
    kept = []
    for label in np.unique(labels):
        images = np.where(labels == label)[0]
        np.random.shuffle(images)  # noqa: NPY002
        kept.extend(images[: counts[label]])
    return kept


@pytest.mark.parametrize('seed', [0, 7])
def test_subset_is_the_communitys(seed):
    whole = DATASETS.build(WHOLE)
    dataset = LongTailedDataset(WHOLE, imbalance_factor=0.05, seed=seed)
    labels = np.array(whole.get_gt_labels())
    counts = long_tailed_counts(len(whole), 10, 0.05)
    assert dataset.kept.tolist() == community_subset(labels, counts, seed)


def test_another_seed_gives_another_subset():
    one, other = (LongTailedDataset(WHOLE, 0.05, seed=seed).kept for seed in (0, 1))
    assert len(one) == len(other)
    assert set(one.tolist()) != set(other.tolist())


@pytest.fixture(scope='module', params=['CIFAR10', 'CIFAR100'])
def cifar(request, cifar_root):
    return DATASETS.build(
        dict(type=request.param, data_root=cifar_root, download=False)
    )


@pytest.mark.parametrize('factor', [0.1, 0.02, 0.01])
def test_cifar_lt_is_the_communitys(cifar, factor):
    whole = cifar
    num_classes = len(whole.CLASSES)
    dataset = LongTailedDataset(whole, imbalance_factor=factor)
    assert len(dataset) == PUBLISHED[num_classes, factor]
    labels = resolve_labels(whole)
    counts = long_tailed_counts(50000, num_classes, factor)
    assert dataset.kept.tolist() == community_subset(labels, counts, 0)
    for i in (0, len(dataset) // 2, len(dataset) - 1):
        image, original = (
            dataset.get_data_info(i)['img'],
            whole.get_data_info(int(dataset.kept[i]))['img'],
        )
        np.testing.assert_array_equal(image, original)


@pytest.mark.parametrize('wrap', [False, True], ids=['dataset', 'wrapper inside'])
def test_wrapper_contract(wrap):
    whole = DATASETS.build(WHOLE)
    length = len(whole)
    inner = RepeatDataset(whole, times=1) if wrap else whole
    dataset = LongTailedDataset(inner, imbalance_factor=0.1)
    assert tuple('0123456789') == dataset.CLASSES
    dataset.full_init()  # mmengine's, again
    assert len(whole) == length, 'an instance is left as it is'
    assert dataset.metainfo['classes'] == dataset.CLASSES
    assert len(dataset.get_gt_labels()) == len(dataset)
    for i in (0, 5, len(dataset) - 1):
        expected = whole.get_data_info(int(dataset.kept[i]))
        info = dataset.get_data_info(i)
        assert info['gt_label'] == dataset.get_gt_labels()[i] == expected['gt_label']
        assert dataset.get_cat_ids(i) == [info['gt_label']]
        np.testing.assert_array_equal(info['img'], expected['img'])
        np.testing.assert_array_equal(dataset[i]['img'], expected['img'])
    assert hasattr(dataset, 'dataset'), 'SwitchRecipeHook walks down to the pipeline'
    assert 'imbalance_factor=0.1' in repr(dataset)


def test_a_class_can_vanish():
    dataset = LongTailedDataset(WHOLE, imbalance_factor=0.001)
    assert 9 not in dataset.get_gt_labels()
    assert len(dataset.CLASSES) == 10


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(profile='linear'), r"profile='linear'.*exp"),
        (dict(imbalance_factor=0), r'imbalance_factor=0 .*\(0, 1\]'),
        (dict(imbalance_factor=100), r'imbalance_factor=100 '),
        (dict(profile='pareto', pareto_power=0), 'pareto_power=0'),
    ],
)
def test_wrong_values(wrong, message):
    with pytest.raises(ConfigError, match=message):
        LongTailedDataset(WHOLE, **wrong)


def test_digits_splits_share_no_image():
    train, test = (
        DATASETS.build(dict(type='Digits', split=s)) for s in ('train', 'test')
    )
    assert len(train) + len(test) == 1797
    assert np.bincount(test.get_gt_labels()).tolist() == [50] * 10
    assert train[0]['img'].dtype == np.uint8
    assert train[0]['img'].max() == 255 or train[1]['img'].max() == 255
    with pytest.raises(ConfigError, match='split'):
        DATASETS.build(dict(type='Digits', split='val'))


class TwoOfFour:
    """A dataset of four classes, the last two without images."""

    metainfo = dict(classes=('a', 'b', 'c', 'd'))

    def full_init(self):
        pass

    def __len__(self):
        return 16

    def get_gt_labels(self):
        return np.repeat([0, 1], 8)


def test_classes_without_images_have_their_share():
    dataset = LongTailedDataset(TwoOfFour(), imbalance_factor=1.0)
    assert np.bincount(dataset.get_gt_labels()).tolist() == [4, 4]


def test_a_dataset_without_class_names(monkeypatch):
    monkeypatch.setattr(TwoOfFour, 'metainfo', {})
    dataset = LongTailedDataset(TwoOfFour(), imbalance_factor=0.5)
    assert np.bincount(dataset.get_gt_labels()).tolist() == [8, 4]


@pytest.mark.parametrize('number', [3, 0, -3])
def test_the_first_or_last_images(number):
    dataset = LongTailedDataset(dict(type='Digits', split='train'), 1 / 32)
    labels = dataset.get_gt_labels()
    expected = labels[:number] if number >= 0 else labels[number:]
    assert list(dataset.get_subset(number).get_gt_labels()) == list(expected)


def test_a_broken_image_is_replaced_from_within_the_subset():
    dataset = LongTailedDataset(
        RedrawBroken(dict(type='Digits', split='train')), 1 / 32
    )
    assert len(dataset.dataset) == len(dataset)

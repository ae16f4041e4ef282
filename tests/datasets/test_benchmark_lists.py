"""The published lists of ImageNet-LT, Places-LT and iNaturalist."""

import json
import time

import numpy as np
import pytest

from mmlt_plugin.class_counts import class_groups, shot_splits, training_class_counts
from mmlt_plugin.datasets import (
    ImageNetLT,
    INaturalist,
    PlacesLT,
)
from mmlt_plugin.errors import ConfigError
from tests.conftest import ROOT


@pytest.fixture
def lt_lists():
    folder = ROOT / 'data' / 'lt-lists'
    if not folder.is_dir():
        pytest.skip('real lists: data/lt-lists is not there')
    return folder


@pytest.mark.parametrize(
    ('cls', 'row', 'file'),
    [
        (
            ImageNetLT,
            'val/n01440764/ILSVRC2012_val_1.JPEG',
            'val/ILSVRC2012_val_1.JPEG',
        ),
        (ImageNetLT, 'val/n01440764/x.JPEG', 'val/n01440764/x.JPEG'),
        (PlacesLT, 'train/airfield/1.jpg', 'data_256/a/airfield/1.jpg'),
        (PlacesLT, 'train/bow-outdoor/1.jpg', 'data_256/b/bow/outdoor/1.jpg'),
        (PlacesLT, 'data_256/b/bow/outdoor/1.jpg', 'train/bow-outdoor/1.jpg'),
        (PlacesLT, 'data_256/a/airfield/1.jpg', 'train/airfield/1.jpg'),
        (PlacesLT, 'val/airfield/Places365_val_1.jpg', 'val_256/Places365_val_1.jpg'),
    ],
)
def test_layouts_that_circulate(write, tmp_path, cls, row, file):
    rows = [row, *[f'x/{c}.jpg' for c in range(1, cls.NUM_CLASSES)]]
    text = ''.join(f'{row} {label}\n' for label, row in enumerate(rows))
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.touch()
    dataset = cls('test', str(tmp_path), write(text))
    assert dataset.get_data_info(0)['img_path'] == str(path)


def test_a_size_that_is_not_the_published_one_warns(write, tmp_path, warned):
    rows = ''.join(f'{c}.jpg {c}\n' for c in range(365))
    PlacesLT('train', str(tmp_path), write(rows))
    assert 'has 365 images' in warned[0]
    assert 'has 62500' in warned[0]
    with pytest.raises(ConfigError, match="split='valid'"):
        PlacesLT('valid', str(tmp_path))


def test_inaturalist_json(write, tmp_path):
    content = dict(
        images=[dict(id=7, file_name='x/7.jpg'), dict(id=3, file_name='x/3.jpg')],
        annotations=[
            dict(image_id=3, category_id=20),
            dict(image_id=7, category_id=10),
        ],
        categories=[dict(id=20, name='owl'), dict(id=10, name='ant')],
    )

    class Two(INaturalist):
        CLASSES_OF_YEAR = {2018: 2}

    dataset = Two('train', str(tmp_path), write(json.dumps(content), 'train2018.json'))
    assert dataset.CLASSES == ('ant', 'owl')
    assert dataset.get_gt_labels().tolist() == [1, 0]
    assert dataset.get_data_info(0)['img_path'] == str(tmp_path / 'x/3.jpg')
    content['annotations'][1]['category_id'] = 15
    with pytest.raises(ConfigError, match=r'annotation 2 .* category 15'):
        Two('train', str(tmp_path), write(json.dumps(content), 'train2018.json'))
    with pytest.raises(ConfigError, match='COCO-style'):
        Two('train', str(tmp_path), write('{"images": []}', 'train2018.json'))
    with pytest.raises(ConfigError, match='year=2019'):
        INaturalist('train', str(tmp_path), year=2019)


def test_half_a_million_rows_are_quick_and_compact(write, tmp_path):
    rows = [
        f'train_val2018/Plantae/{i % 8142}/{i:032d}.jpg {i % 8142}'
        for i in range(437_513)
    ]
    path = write('\n'.join(rows) + '\n', 'iNaturalist18_train.txt')
    start = time.perf_counter()
    dataset = INaturalist('train', str(tmp_path))
    counts = training_class_counts(dataset, 8142)
    seconds = time.perf_counter() - start
    print(f'{path}: {seconds:.2f} s')
    assert counts.sum() == 437_513
    assert dataset.data_list.paths.nbytes + dataset.data_list.labels.nbytes < 50e6


def test_real_places_lt(lt_lists):
    dataset = PlacesLT('train', str(lt_lists))
    counts = training_class_counts(dataset, 365)
    published = json.loads((lt_lists / 'Places_LT_train.counts.json').read_text())
    assert counts.tolist() == published
    assert [len(ids) for ids in shot_splits(counts).values()] == [131, 163, 71]
    assert [len(group) for group in class_groups(counts, 3)] == [22, 191, 152]
    assert [len(PlacesLT(s, str(lt_lists))) for s in ('val', 'test')] == [7300, 36500]


def test_real_imagenet_lt(lt_lists):
    counts = json.loads((lt_lists / 'ImageNet_LT_train.counts.json').read_text())
    assert sum(counts) == 115_846
    assert [len(ids) for ids in shot_splits(counts).values()] == [385, 479, 136]
    assert [len(group) for group in class_groups(counts, 3)] == [150, 613, 237]
    test = ImageNetLT('test', str(lt_lists))
    assert np.bincount(test.get_gt_labels()).tolist() == [50] * 1000
    assert len(ImageNetLT('val', str(lt_lists))) == 20_000


def test_real_inaturalist(lt_lists):
    dataset = INaturalist('val', str(lt_lists))
    assert len(dataset) == 24_426
    assert np.bincount(dataset.get_gt_labels()).tolist() == [3] * 8142


def test_the_list_of_another_data_set(lt_lists):
    with pytest.raises(ConfigError, match='no image of class 365, 365 of 1000'):
        ImageNetLT('train', '', str(lt_lists / 'Places_LT_train.txt'))
    with pytest.raises(ConfigError, match=r'line \d+: label 365 lies outside'):
        PlacesLT('test', '', str(lt_lists / 'ImageNet_LT_test.txt'))

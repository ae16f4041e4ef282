import codecs
import json
import os
import time

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.registry import DATASETS

from mmlt_plugin.class_counts import class_groups, shot_splits, training_class_counts
from mmlt_plugin.datasets import (
    ImageFolderDataset,
    ImageListDataset,
    ImageNetLT,
    INaturalist,
    LongTailedDataset,
    PlacesLT,
    RedrawBroken,
    UnlabelledImages,
    image_list,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.evaluation import PredictionTable
from tests.conftest import ROOT

ROWS = 'cat/a b.jpg 0\ndog/1.jpg 1\ncat/2.jpg 0\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name='list.txt'):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def lt_lists():
    folder = ROOT / 'data' / 'lt-lists'
    if not folder.is_dir():
        pytest.skip('real lists: data/lt-lists is not there')
    return folder


def test_a_list(write, tmp_path):
    dataset = ImageListDataset(write(ROWS), data_root=str(tmp_path))
    assert len(dataset) == 3
    assert dataset.CLASSES == ('cat', 'dog')
    assert dataset.get_gt_labels().tolist() == [0, 1, 0]
    assert dataset.get_cat_ids(1) == [1]
    assert dataset.get_data_info(0) == dict(
        img_path=str(tmp_path / 'cat/a b.jpg'), gt_label=0, line=1, sample_idx=0
    )
    subset = dataset.get_subset([2, 1])
    assert subset.get_data_info(0)['line'] == 3
    assert subset.get_gt_labels().tolist() == [0, 1]
    assert dataset.get_subset(-1).get_data_info(0)['line'] == 3
    assert len(ImageListDataset(write(ROWS + '\n \n'))) == 3
    assert len(ImageListDataset(write(ROWS), indices=2)) == 2
    assert len(LongTailedDataset(dataset, imbalance_factor=1)) == 2


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a.jpg 0\nb.jpg\n', r"list\.txt, line 2: 'b\.jpg'"),
        ('a.jpg 0\nb.jpg one\n', r"line 2: 'b\.jpg one'"),
        ('a.jpg 0\n\nb.jpg 1\n', "line 2: ''"),
        ('a.jpg 0\nb.jpg 5\n', r'line 2: label 5 lies outside 0\.\.1'),
        ('', 'no lines'),
    ],
)
def test_malformed_lists_are_named_with_their_line(write, text, message):
    with pytest.raises(ConfigError, match=message):
        ImageListDataset(write(text), num_classes=2)


def test_classes_without_images(write, monkeypatch):
    """Legal where the number of classes is said, but not in a published data set."""
    rows = 'cat/1.jpg 0\ndog/1.jpg 2\n'
    dataset = ImageListDataset(write(rows), num_classes=4)
    assert training_class_counts(dataset, 4).tolist() == [1, 0, 1, 0]
    assert dataset.CLASSES == ('0', '1', '2', '3')
    with pytest.raises(ConfigError, match=r'no image of class 1, 2 of 3.*num_classes'):
        ImageListDataset(write(rows))
    monkeypatch.setattr(PlacesLT, 'NUM_CLASSES', 4)
    with pytest.raises(ConfigError, match=r'no image of class 1, 2 of 4.*another data'):
        PlacesLT('train', '', ann_file=write(rows))


def test_a_mistake_in_the_pipeline_is_not_a_broken_image(write, tmp_path):
    cv2.imwrite(str(tmp_path / 'whole.jpg'), np.zeros((8, 8, 3), np.uint8))
    dataset = ImageListDataset(
        write('whole.jpg 0\n'),
        data_root=str(tmp_path),
        pipeline=[dict(type='LoadImageFromFile'), mistaken],
    )
    for wrapped in (dataset, RedrawBroken(dataset, max_share=1.0)):
        with pytest.raises(AttributeError, match='my mistake'):
            wrapped[0]


def mistaken(results):
    raise AttributeError('my mistake')


def test_a_missing_list():
    with pytest.raises(ConfigError, match=r'nowhere\.txt cannot be read'):
        ImageListDataset('nowhere.txt')


@pytest.mark.parametrize('backend', ['pillow', 'cv2'])
def test_broken_images_are_named_with_their_line(write, tmp_path, backend):
    image = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'whole.jpg'), image)
    content = (tmp_path / 'whole.jpg').read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(content[: len(content) // 2])
    (tmp_path / 'text.jpg').write_text('no image')
    (tmp_path / 'empty.jpg').touch()
    rows = 'whole.jpg 0\ntext.jpg 0\ngone.jpg 0\nempty.jpg 0\ncut.jpg 0\n'
    dataset = DATASETS.build(
        dict(
            type='ImageListDataset',
            ann_file=write(rows),
            data_root=str(tmp_path),
            pipeline=[dict(type='LoadImageFromFile', imdecode_backend=backend)],
        )
    )
    assert dataset[0]['img'].shape == (64, 64, 3)
    broken = [(2, 'text'), (3, 'gone'), (4, 'empty')]
    if backend == 'pillow':  # OpenCV fills what is missing with grey
        broken.append((5, 'cut'))
    for line, name in broken:
        with pytest.raises(ConfigError, match=rf'{name}\.jpg, line {line} of'):
            dataset[line - 1]


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


def test_a_size_that_is_not_the_published_one_warns(write, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(
        image_list, 'print_log', lambda text, *_, **__: told.append(text)
    )
    rows = ''.join(f'{c}.jpg {c}\n' for c in range(365))
    PlacesLT('train', str(tmp_path), write(rows))
    assert 'has 365 images' in told[0]
    assert 'has 62500' in told[0]
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


def test_a_mark_of_an_editor(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes(codecs.BOM_UTF8 + b'a/1.jpg 0\r\nb/1.jpg 1\r\n')
    dataset = ImageListDataset(str(path), data_root='images')
    assert dataset.get_data_info(0)['img_path'] == 'images/a/1.jpg'


def test_labels_from_one(write):
    rows = 'a/1.jpg 1\nb/1.jpg 2\n'
    with pytest.raises(ConfigError, match='labels start at 0, and here at 1'):
        ImageListDataset(write(rows), num_classes=2)
    with pytest.raises(ConfigError, match=r'no image of class 0.*labels start at 0'):
        ImageListDataset(write(rows))


def test_folders_that_are_no_classes_give_no_names(write):
    rows = ['monday/1.jpg 0', 'tuesday/2.jpg 1', 'tuesday/3.jpg 0']
    for text in (rows, [*rows[:2], 'tuesday/4.jpg 1', 'wednesday/5.jpg 0']):
        assert ImageListDataset(write('\n'.join(text))).CLASSES == ('0', '1')
    several = ['old/cat/1.jpg 0', 'dog/2.jpg 1', 'new/cat/3.jpg 0']
    assert ImageListDataset(write('\n'.join(several))).CLASSES == ('cat', 'dog')


def test_a_prefix_of_the_images(write, tmp_path):
    dataset = ImageListDataset(write(ROWS), str(tmp_path), data_prefix='images')
    path = dataset.get_data_info(1)['img_path']
    assert path == str(tmp_path / 'images/dog/1.jpg')


def test_names_of_files_that_are_not_utf8(tmp_path):
    name = b'cat/caf\xe9.png'
    image = cv2.imencode('.png', np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    for folder in ('train/cat', 'train/dog'):
        (tmp_path / folder).mkdir(parents=True)
    path = os.path.join(os.fsencode(tmp_path), b'train', name)
    with open(path, 'wb') as file:
        file.write(image)
    (tmp_path / 'list.txt').write_bytes(b'train/' + name + b' 0\n')
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    settings = dict(pipeline=pipeline)
    for dataset in (
        ImageListDataset('list.txt', str(tmp_path), num_classes=2, **settings),
        ImageFolderDataset(str(tmp_path), 'train', ['cat', 'dog'], **settings),
        UnlabelledImages(str(tmp_path), **settings),
    ):
        info = dataset.get_data_info(0)
        assert os.fsencode(info['img_path']) == path
        assert dataset[0]['inputs'].shape == (3, 4, 4)
    table = PredictionTable(str(tmp_path / 'table.csv'))
    score = torch.tensor([0.25, 0.75])
    table.process({}, [dict(img_path=info['img_path'], pred_score=score)])
    table.compute_metrics(table.results)
    assert path + b',1,0.7500' in (tmp_path / 'table.csv').read_bytes()

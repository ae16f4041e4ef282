import codecs
import os

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.registry import DATASETS

from mmlt_plugin.class_counts import training_class_counts
from mmlt_plugin.datasets import (
    ImageFolderDataset,
    ImageListDataset,
    LongTailedDataset,
    PlacesLT,
    RedrawBroken,
    UnlabelledImages,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.evaluation import PredictionTable

ROWS = 'cat/a b.jpg 0\ndog/1.jpg 1\ncat/2.jpg 0\n'


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
    assert len(dataset.get_subset(0)) == 0
    assert len(ImageListDataset(write(ROWS + '\n \n'))) == 3
    assert len(ImageListDataset(write(ROWS), indices=2)) == 2
    assert len(LongTailedDataset(dataset, imbalance_factor=1)) == 2


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a.jpg 0\nb.jpg\n', r"list\.txt, line 2: 'b\.jpg'"),
        ('a.jpg 0\nb.jpg one\n', r"line 2: 'b\.jpg one'"),
        (f'a.jpg 0\nb.jpg {10**20}\n', r"line 2: 'b\.jpg 1000"),
        ('a.jpg 0\n\nb.jpg 1\n', "line 2: ''"),
        ('a.jpg 0\nb.jpg 5\n', r'line 2: label 5 lies outside 0\.\.1'),
        ('', 'no lines'),
    ],
)
def test_malformed_lists_are_named_with_their_line(write, text, message):
    with pytest.raises(ConfigError, match=message):
        ImageListDataset(write(text), num_classes=2)


def test_classes_without_images(write, monkeypatch):
    """Allowed with an explicit number of classes, but not in a published data set."""
    rows = 'cat/1.jpg 0\ndog/1.jpg 2\n'
    dataset = ImageListDataset(write(rows), num_classes=4)
    assert training_class_counts(dataset, 4).tolist() == [1, 0, 1, 0]
    assert dataset.CLASSES == ('class 0', 'class 1', 'class 2', 'class 3')
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
        dataset = ImageListDataset(write('\n'.join(text)))
        assert dataset.CLASSES == ('class 0', 'class 1')
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


@pytest.mark.parametrize('indices', [(0, 2), [0, 2], range(0, 3, 2), np.array([0, 2])])
def test_images_chosen_by_any_sequence(write, indices):
    dataset = ImageListDataset(write(ROWS), indices=indices)
    assert [dataset.get_data_info(i)['line'] for i in range(len(dataset))] == [1, 3]
    whole = ImageListDataset(write(ROWS))
    assert whole.get_subset(indices).get_gt_labels().tolist() == [0, 0]


def test_the_first_or_the_last_images(write):
    dataset = ImageListDataset(write(ROWS))
    for number in (2, np.int64(2)):
        assert dataset.get_subset(number).get_gt_labels().tolist() == [0, 1]
        assert dataset.get_subset(-number).get_gt_labels().tolist() == [1, 0]

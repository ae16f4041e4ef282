"""Folders of class folders, also with files that are no images."""

import numpy as np
import pytest
from PIL import Image

from mmlt_plugin.datasets import ImageFolderDataset, UnlabelledImages
from mmlt_plugin.datasets.image_faults import fault_of
from mmlt_plugin.datasets.image_files import find_images
from mmlt_plugin.datasets.image_folder import class_folders
from mmlt_plugin.errors import ConfigError


def test_a_folder_of_class_folders(tmp_path):
    for name in ('train/cat', 'train/dog/deep', 'train/owl', 'val/dog', 'val/owl'):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / '1.JPG').touch()
    (tmp_path / 'train/.ipynb_checkpoints').mkdir()
    (tmp_path / 'train/owl/notes.txt').touch()
    classes = ['cat', 'dog', 'owl']
    train = ImageFolderDataset(str(tmp_path), 'train', classes)
    assert train.get_gt_labels().tolist() == [0, 1, 2]
    assert train.get_data_info(1)['img_path'] == str(tmp_path / 'train/dog/deep/1.JPG')
    val = ImageFolderDataset(str(tmp_path), 'val', classes)
    assert val.get_gt_labels().tolist() == [1, 2], 'a missing class shifts no other'
    assert tuple(classes) == val.CLASSES
    assert ImageFolderDataset(str(tmp_path), 'val').CLASSES == val.CLASSES
    with pytest.raises(ConfigError, match='owl is none of the 2 classes'):
        ImageFolderDataset(str(tmp_path), 'val', classes[:2])
    with pytest.raises(ConfigError, match='test: there is no such folder'):
        ImageFolderDataset(str(tmp_path), 'test', classes)
    (tmp_path / 'empty/cat').mkdir(parents=True)
    with pytest.raises(ConfigError, match='empty has no images'):
        ImageFolderDataset(str(tmp_path), 'empty', classes)


def test_links_are_followed_once(tmp_path):
    for name in ('train/cat', 'train/dog', 'more/deep'):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / '1.jpg').touch()
    (tmp_path / 'train/dog/all').symlink_to(tmp_path / 'train')
    (tmp_path / 'train/dog/itself').symlink_to(tmp_path / 'train/dog')
    (tmp_path / 'train/dog/more').symlink_to(tmp_path / 'more')
    (tmp_path / 'train/dog/again').symlink_to(tmp_path / 'more')
    (tmp_path / 'more/back').symlink_to(tmp_path / 'train/dog')
    (tmp_path / 'train/cat/more').symlink_to(tmp_path / 'more/deep')
    dataset = ImageFolderDataset(str(tmp_path), 'train', ['cat', 'dog'])
    found = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    of_cat, of_dog = (
        [path for path in found if f'/train/{name}/' in path] for name in ('cat', 'dog')
    )
    assert len(of_cat) == len(of_dog) == 2
    assert len(found) == 4
    assert dataset.get_gt_labels().tolist() == [0, 0, 1, 1]


def test_a_link_to_a_folder_beside_it_adds_nothing(tmp_path):
    for name in ('part', 'other/deep'):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / '1.jpg').touch()
    for name in ('a', 'other/a', 'z'):
        (tmp_path / name).symlink_to(tmp_path / 'part')
    found = find_images([tmp_path])
    assert found == [
        str(tmp_path / name) for name in ('other/deep/1.jpg', 'part/1.jpg')
    ]


def test_files_that_are_no_images_are_counted(tmp_path, warned):
    for name in (
        'a/1.jpg',
        'a/._1.jpg',
        'a/2.GIF',
        'a/3.gif',
        'b/1.JFIF',
        'b/notes.txt',
    ):
        path = tmp_path / 'train' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    dataset = ImageFolderDataset(str(tmp_path), 'train', ['a', 'b'])
    assert dataset.get_gt_labels().tolist() == [0, 1]
    assert 'skipped 3 files whose names are not those of images' in warned[0]
    assert '.txt 1' in warned[0]


@pytest.mark.parametrize('folders', [[], ['train'], ['train/only']])
def test_class_folders_that_are_missing(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'cat.jpg').touch()
    found = r'has [01] folders' if folders else 'does not exist'
    with pytest.raises(ConfigError, match=f'train {found}.*DATA'):
        class_folders(str(tmp_path))


@pytest.mark.parametrize(
    ('dtype', 'suffix', 'fault'),
    [('uint8', 'png', None), ('uint16', 'png', 'I;16'), ('uint16', 'tif', 'I;16'),
     ('float32', 'tif', 'F pixels'), ('int32', 'tif', 'I pixels')],
)  # fmt: skip
def test_pixels_that_loading_would_clip(tmp_path, dtype, suffix, fault):
    path = str(tmp_path / f'a.{suffix}')
    Image.fromarray(np.full((8, 8), 200, dtype)).save(path)
    found = fault_of(path)
    assert found is None if fault is None else fault in found
    assert fault_of(path, clips=False) is None


@pytest.fixture
def damaged(tmp_path):
    """A JPEG with damage in the middle, and an intact one."""
    image = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    path = tmp_path / 'hole.jpg'
    Image.fromarray(image).save(path)
    content = path.read_bytes()
    (tmp_path / 'whole.jpg').write_bytes(content)
    path.write_bytes(content[:20] + bytes(100) + content[120:])
    return path


def test_damage_in_the_middle_is_found_by_decoding(damaged):
    assert fault_of(str(damaged)) is None
    assert 'broken' in fault_of(str(damaged), decode=True)
    assert fault_of(str(damaged.with_name('whole.jpg')), decode=True) is None


def test_a_header_that_promises_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 4)
    path = tmp_path / 'a.bmp'
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    assert 'exceeds limit' in fault_of(str(path))


def test_broken_files_can_be_left_out_of_predictions(damaged, warned):
    assert len(UnlabelledImages(str(damaged.parent))) == 2
    dataset = UnlabelledImages(str(damaged.parent), skip_broken=True)
    assert [info['img_path'][-9:] for info in dataset.data_list] == ['whole.jpg']
    assert 'hole.jpg is left out' in warned[0]

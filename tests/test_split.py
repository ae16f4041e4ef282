"""A folder of class folders split in two by tools/dataset/split.py."""

import os

import pytest

from mmlt_plugin.datasets import ImageFolderDataset
from tools.dataset.split import number_for_validation

NUMBERS = dict(cat=40, dog=11, eel=3, fox=2, gnu=1)


@pytest.fixture
def images(tmp_path):
    for name, number in NUMBERS.items():
        for i in range(number):
            path = tmp_path / 'images' / name / ('deep' if i % 2 else '') / f'{i}.jpg'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{name} {i}')
    return tmp_path / 'images'


@pytest.mark.parametrize('copy', [True, False])
def test_every_image_is_in_one_split(images, tmp_path, run_tool, copy):
    out = tmp_path / 'out'
    options = ['--val', 0.25, *(['--copy'] if copy else [])]
    output = run_tool('dataset/split.py', images, out, *options, work_dir=False)
    assert '43 training and 14 validation images' in output
    found = {}
    for split in ('train', 'val'):
        dataset = ImageFolderDataset(str(out), split)
        for info in dataset.data_list:
            assert os.path.islink(info['img_path']) != copy
            with open(info['img_path']) as file:
                name, number = file.read().split()
            assert name == list(NUMBERS)[info['gt_label']]
            assert found.setdefault((name, number), split) == split
    assert len(found) == sum(NUMBERS.values())
    of_val = [name for (name, _), split in found.items() if split == 'val']
    assert {n: of_val.count(n) for n in NUMBERS} == dict(
        cat=10, dog=3, eel=1, fox=0, gnu=0
    )
    assert '2 of 5 classes have no validation images' in output
    again = run_tool('dataset/split.py', images, out, expect=2, work_dir=False)
    assert 'is not empty' in again


@pytest.mark.parametrize(
    ('images', 'share', 'min_train', 'expected'),
    [(100, 0.2, 2, 20), (4, 0.2, 2, 1), (2, 0.2, 1, 1), (1, 0.9, 1, 0), (3, 0.9, 2, 1)],
)
def test_numbers(images, share, min_train, expected):
    assert number_for_validation(images, share, min_train) == expected


@pytest.mark.parametrize(
    ('prepare', 'out', 'message'),
    [
        (lambda images: (images / 'hen').mkdir(), 'out', 'hen has no images'),
        (lambda images: (images / 'a.JPG').touch(), 'out', 'a.JPG lies in no class'),
        (lambda images: None, 'images/split', 'lies within the images'),
        (lambda images: (images.parent / 'out').touch(), 'out', 'is not empty'),
    ],
)
def test_folders_that_are_refused(images, tmp_path, run_tool, prepare, out, message):
    prepare(images)
    before = sorted(tmp_path.rglob('*'))
    arguments = [images, tmp_path / out]
    assert message in run_tool('dataset/split.py', *arguments, expect=2, work_dir=False)
    made = set(tmp_path.rglob('*')) - set(before)
    assert {path.name for path in made} <= {'output_of_the_script.txt'}

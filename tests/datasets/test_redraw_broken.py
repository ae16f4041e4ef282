"""Broken images are named by default, or replaced within their class."""

import cv2
import numpy as np
import pytest
from mmengine.dataset import (
    ConcatDataset,
    DefaultSampler,
    RepeatDataset,
    pseudo_collate,
    worker_init_fn,
)
from torch.utils.data import DataLoader

from mmlt_plugin.class_counts import training_class_counts
from mmlt_plugin.datasets import (
    Digits,
    ImageFolderDataset,
    LongTailedDataset,
    RedrawBroken,
)
from mmlt_plugin.errors import ConfigError

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
SIZES = [40, 8, 3]


@pytest.fixture(params=['truncated', 'empty', 'missing', 'text'])
def folder(request, tmp_path):
    """Three classes of images that differ in brightness; one image is broken."""
    for label, size in enumerate(SIZES):
        (tmp_path / f'c{label}').mkdir()
        for i in range(size):
            image = np.full((8, 8, 3), 60 * label + 20, np.uint8)
            cv2.imwrite(str(tmp_path / f'c{label}/{i:02}.png'), image)
    dataset = ImageFolderDataset(
        str(tmp_path), split='.', classes=['c0', 'c1', 'c2'], pipeline=PIPELINE
    )
    victim = tmp_path / 'c2/01.png'
    if request.param == 'missing':
        victim.unlink()
    else:
        content = victim.read_bytes()
        victim.write_bytes(
            dict(truncated=content[:40], empty=b'', text=b'no image')[request.param]
        )
    return dataset, sum(SIZES[:2]) + 1, str(victim)


def brightness(sample):
    return int(sample['inputs'].float().mean())


@pytest.mark.promise('a broken image is named, and by default ends the training')
def test_by_default_the_path_is_named(folder):
    dataset, index, _ = folder
    with pytest.raises(ConfigError, match=r'01\.png cannot be read \('):
        dataset[index]


@pytest.mark.promise('a broken image is replaced within its class, if that is wanted')
def test_redrawn_within_the_class(folder):
    dataset, index, path = folder
    wrapped = RedrawBroken(dataset, max_share=0.1)
    assert [brightness(wrapped[i]) for i in range(len(wrapped))] == [
        60 * label + 20 for label, size in enumerate(SIZES) for _ in range(size)
    ]
    first, second = (wrapped[index]['data_samples'].img_path for _ in range(2))
    assert first == second != path
    assert wrapped.broken.nonzero().flatten().tolist() == [index]
    assert training_class_counts(wrapped, 3).tolist() == SIZES


def test_in_workers_and_within_other_wrappers(folder):
    dataset, _, _ = folder
    wrapped = LongTailedDataset(RedrawBroken(dataset, 0.1), imbalance_factor=1.0)
    assert np.bincount(wrapped.get_gt_labels()).tolist() == [17, 8, 3]  # 51 / 3 each
    assert [brightness(wrapped[i]) for i in range(25, 28)] == [140] * 3
    loader = DataLoader(
        RedrawBroken(dataset, 0.1), batch_size=4, num_workers=1,
        sampler=DefaultSampler(dataset, shuffle=False), collate_fn=pseudo_collate,
        worker_init_fn=lambda i: worker_init_fn(i, 1, 0, 0),
    )  # fmt: skip
    assert sum(len(batch['inputs']) for batch in loader) == sum(SIZES)


def test_too_many(folder):
    dataset, index, _ = folder
    with pytest.raises(ConfigError, match=r'1 of 51 images.*01\.png.*max_share=0\.001'):
        RedrawBroken(dataset, max_share=0.001)[index]
    with pytest.raises(ConfigError, match='max_share=2'):
        RedrawBroken(dataset, max_share=2)


def test_a_whole_class(folder, tmp_path):
    dataset, index, _ = folder
    for file in (tmp_path / 'c2').iterdir():
        file.write_bytes(b'')
    with pytest.raises(ConfigError, match='no image of class 2'):
        RedrawBroken(dataset, max_share=1.0)[index]


def test_a_warning_names_the_image_once(folder, warned):
    dataset, index, path = folder
    wrapped = RedrawBroken(dataset, max_share=1 / sum(SIZES))  # not more than that
    for _ in range(2):
        wrapped[index]
    (text,) = warned
    assert f'{path} cannot be read' in text


def test_workers_share_what_is_broken(folder):
    assert RedrawBroken(folder[0]).broken.is_shared()


@pytest.mark.parametrize(
    'wrap', [lambda one: ConcatDataset([one]), lambda one: RepeatDataset(one, 2)]
)
def test_no_subset_of_what_cannot_be_divided(wrap):
    """It would replace a broken image by one outside the subset."""
    several = wrap(Digits(split='train'))
    with pytest.raises(ConfigError, match='put RedrawBroken around LongTailedDataset'):
        LongTailedDataset(RedrawBroken(several), imbalance_factor=0.1)
    around = RedrawBroken(LongTailedDataset(several, imbalance_factor=0.1))
    assert around[0]['gt_label'] == around.get_gt_labels()[0]
    twice = RedrawBroken(RedrawBroken(Digits(split='train')))
    assert LongTailedDataset(twice, imbalance_factor=0.1)[0]['gt_label'] in range(10)

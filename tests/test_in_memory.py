"""Training from memory equals training by the stock pipeline."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.datasets.transforms import RandomCrop, RandomFlip
from mmpretrain.structures import DataSample
from torch.utils.data import ConcatDataset, DataLoader

from mmlt_plugin.class_counts import training_class_counts
from mmlt_plugin.datasets import Digits, InMemoryDataset, LongTailedDataset
from mmlt_plugin.datasets.in_memory import whole_batch
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import BatchAugmentPreprocessor
from mmlt_plugin.models.preprocessors import random_crop_and_flip
from mmlt_plugin.scripts.in_memory import use_memory
from tests.engine.runs import assert_equal, final_state, make_runner

FIXED = [dict(type='Resize', scale=16), dict(type='PackInputs')]


def naive(image, padding, dy, dx, flip):
    """One image by loops: a crop of the padded image, then a flip."""
    _, height, width = image.shape
    out = torch.zeros_like(image)
    for y in range(height):
        for x in range(width):
            source_y, source_x = y + dy - padding, x + dx - padding
            if 0 <= source_y < height and 0 <= source_x < width:
                out[:, y, width - 1 - x if flip else x] = image[:, source_y, source_x]
    return out


@pytest.mark.parametrize('shape', [(3, 6, 6), (1, 4, 7)])
@pytest.mark.parametrize('padding', [0, 1, 3])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
def test_against_loops(shape, padding, dtype):
    images = torch.randint(256, (9, *shape)).to(dtype)
    torch.manual_seed(3)
    offsets = torch.randint(2 * padding + 1, (2, 9, 1))[:, :, 0]
    flips = torch.rand(9, 1)[:, 0] < 0.5
    torch.manual_seed(3)
    found = random_crop_and_flip(images, padding, 0.5)
    assert 0 < flips.sum() < 9
    for n in range(9):
        dy, dx = (int(v) for v in offsets[:, n])
        expected = naive(images[n], padding, dy, dx, bool(flips[n]))
        assert torch.equal(found[n], expected)


def draws_of_stock(image, number):
    """Results of the stock transforms for one image."""
    crop, flip = RandomCrop(crop_size=8, padding=2), RandomFlip(prob=0.5)
    return [flip(crop(dict(img=image.copy())))['img'][..., 0] for _ in range(number)]


def test_the_distribution_is_the_stock_pipelines():
    """Every shift and flip, border included, is equally frequent in both."""
    np.random.seed(0)  # noqa: NPY002 - the stock transforms draw from it
    torch.manual_seed(0)
    image = np.arange(1, 65, dtype=np.uint8).reshape(8, 8, 1).repeat(3, 2)
    number = 4000
    batch = torch.from_numpy(image).permute(2, 0, 1).expand(number, -1, -1, -1)
    ours = [x.numpy() for x in random_crop_and_flip(batch, 2, 0.5)[:, 0]]
    counts = [{}, {}]
    for count, found in zip(counts, (ours, draws_of_stock(image, number))):
        for x in found:
            count[x.tobytes()] = count.get(x.tobytes(), 0) + 1
    assert counts[0].keys() == counts[1].keys()
    assert len(counts[0]) == 5 * 5 * 2
    expected = number / 50
    for count in counts:
        chi_square = sum((n - expected) ** 2 / expected for n in count.values())
        assert chi_square < 49 + 4 * math.sqrt(2 * 49)


def test_normalisation_is_exact():
    images = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    settings = dict(mean=[125.3, 123.0, 113.9], std=[51.6, 50.8, 51.3])
    preprocessor = BatchAugmentPreprocessor(crop_padding=4, flip_prob=0.5, **settings)
    for training in (False, True):
        torch.manual_seed(1)
        found = preprocessor(dict(inputs=images), training)['inputs']
        torch.manual_seed(1)
        shifted = random_crop_and_flip(images, 4, 0.5) if training else images
        mean, std = (torch.tensor(settings[k])[:, None, None] for k in ('mean', 'std'))
        assert torch.equal(found, (shifted.float() - mean) / std)


@pytest.mark.promise('training from memory equals the stock path, bit for bit')
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_equal_to_the_stock_path_without_draws(method, tmp_path):
    settings = {'config': f'{method}/resnet20_digits-lt-if32.py'}
    inner = {'train_dataloader.dataset.dataset.pipeline': FIXED}
    for in_memory in (False, True):
        work_dir = tmp_path / str(in_memory)
        make_runner(work_dir, in_memory=in_memory, **settings, **inner).train()
    found, expected = (final_state(tmp_path / str(m)) for m in (True, False))
    assert_equal(found, expected)


def test_dataset():
    stock = LongTailedDataset(Digits(split='train', pipeline=FIXED), 1 / 32)
    memory = InMemoryDataset(stock)
    assert len(memory) == len(stock)
    assert (memory.get_gt_labels() == stock.get_gt_labels()).all()
    assert training_class_counts(memory, 10).tolist()[0] == 128
    batch = memory.__getitems__([5, 300, 5])
    assert torch.equal(batch['inputs'][1], stock[300]['inputs'])
    assert batch['data_samples'][0].gt_label.tolist() == [
        stock.get_cat_ids(i)[0] for i in (5, 300, 5)
    ]
    single = InMemoryDataset(stock)[7]
    assert single['data_samples'].gt_label.tolist() == stock.get_cat_ids(7)
    assert torch.equal(single['inputs'], stock[7]['inputs'])


def test_images_of_several_sizes():
    class Sizes(Digits):
        def __getitem__(self, idx):
            return dict(inputs=torch.zeros(3, 8, 8 + idx % 2, dtype=torch.uint8))

    with pytest.raises(ConfigError, match='one size'):
        InMemoryDataset(Sizes(split='test'))


def test_a_random_pipeline_is_not_frozen():
    pipeline = [dict(type='RandomFlip', prob=0.5), *FIXED]
    with pytest.raises(ConfigError, match='this one is random'):
        InMemoryDataset(Digits(split='test', pipeline=pipeline))


@pytest.mark.parametrize(
    'transform',
    [
        dict(type='ColorJitter', brightness=0.5),
        dict(type='RandomFlip', prob=0.5, direction='vertical'),
        dict(type='RandomCrop', crop_size=16, padding=(2, 3)),
        dict(type='RandomCrop', crop_size=16),
        # Before FIXED's Resize: not the same as after it.
        dict(type='RandomCrop', crop_size=8, padding=1),
    ],
)
def test_what_cannot_be_drawn_is_named(transform):
    cfg = digits_config([transform, *FIXED])
    with pytest.raises(ConfigError, match=r'train_dataloader\.dataset\.pipeline'):
        use_memory(cfg)


CROP = dict(type='RandomCrop', crop_size=16, padding=2)
FLIP = dict(type='RandomFlip', prob=0.5)
RESIZE, PACK = FIXED


def digits_config(pipeline, **settings):
    dataset = dict(type='Digits', split='train', pipeline=pipeline)
    return Config(dict(train_dataloader=dict(dataset=dataset), **settings))


def test_a_preprocessor_within_the_model():
    """mmengine prefers it to the one at the top level, so the augmentation must go there."""
    model = dict(type='ImageClassifier', data_preprocessor=dict(mean=[1], std=[2]))
    cfg = digits_config([RESIZE, CROP, FLIP, PACK], model=model)
    use_memory(cfg)
    assert 'data_preprocessor' not in cfg
    assert cfg.model.data_preprocessor == dict(
        type='BatchAugmentPreprocessor', mean=[1], std=[2],
        crop_size=16, crop_padding=2, flip_prob=0.5,
    )  # fmt: skip


def test_parts_of_a_concatenation():
    """Every part keeps its own fixed transforms; different draws are refused."""
    other = dict(type='Resize', scale=16, interpolation='nearest')
    parts = [
        dict(type='Digits', split='train', pipeline=[first, CROP, FLIP, PACK])
        for first in (RESIZE, other)
    ]
    dataset = dict(type='ConcatDataset', datasets=parts)
    cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
    use_memory(cfg)
    kept = [part.pipeline for part in cfg.train_dataloader.dataset.dataset.datasets]
    assert kept == [[RESIZE, PACK], [other, PACK]]
    for bad, message in [
        ([RESIZE, FLIP, PACK], 'different crops and flips'),
        ([RESIZE, dict(type='AutoAugment', policies='imagenet'), PACK], 'AutoAugment'),
    ]:
        parts = [
            dict(type='Digits', split='train', pipeline=pipeline)
            for pipeline in ([RESIZE, CROP, FLIP, PACK], bad)
        ]
        dataset = dict(type='ConcatDataset', datasets=parts)
        with pytest.raises(ConfigError, match=message):
            use_memory(Config(dict(train_dataloader=dict(dataset=dataset))))


def test_what_is_drawn_twice_is_refused():
    for pipeline in ([RESIZE, FLIP, FLIP, PACK], [RESIZE, CROP, CROP, PACK]):
        with pytest.raises(ConfigError, match='only one RandomCrop'):
            use_memory(digits_config(pipeline))


def test_a_preprocessor_of_another_type_is_refused():
    cfg = digits_config(FIXED, data_preprocessor=dict(type='SelfSupDataPreprocessor'))
    with pytest.raises(ConfigError, match=r'SelfSupDataPreprocessor.*--in-memory'):
        use_memory(cfg)


def test_settings_of_workers_do_not_stay():
    cfg = digits_config(FIXED)
    cfg.train_dataloader.update(num_workers=4, prefetch_factor=4, timeout=9)
    use_memory(cfg)
    loader = cfg.train_dataloader
    assert loader.num_workers == 0
    assert not {'prefetch_factor', 'timeout'} & set(loader)


def test_wrapped_from_outside_is_named():
    dataset = Digits(split='test', pipeline=FIXED)
    wrapped = ConcatDataset([InMemoryDataset(dataset)])
    loader = DataLoader(wrapped, batch_size=4, collate_fn=whole_batch)
    with pytest.raises(ConfigError, match='InMemoryDataset must be'):
        next(iter(loader))


def test_a_list_of_images():
    preprocessor = BatchAugmentPreprocessor(crop_padding=2, flip_prob=0.5)
    images = list(torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8))
    samples = [DataSample().set_gt_label(c) for c in range(3)]
    torch.manual_seed(0)
    found = preprocessor(dict(inputs=images, data_samples=samples), training=True)
    torch.manual_seed(0)
    stacked = dict(inputs=torch.stack(images), data_samples=samples)
    expected = preprocessor(stacked, training=True)
    torch.testing.assert_close(found['inputs'], expected['inputs'])
    images[1] = images[1][:, :8]
    with pytest.raises(ConfigError, match='images of one size'):
        preprocessor(dict(inputs=images, data_samples=samples), training=True)


def test_a_crop_of_another_size():
    preprocessor = BatchAugmentPreprocessor(crop_size=12, crop_padding=2)
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(ConfigError, match=r'\(16, 16\) and not crop_size=\(12, 12\)'):
        preprocessor(dict(inputs=images), training=True)
    preprocessor(dict(inputs=images))  # in evaluation nothing is cropped


def test_a_deferred_pipeline_is_refused(tmp_path):
    schedule = [dict(action_epoch=2, train_pipeline=FIXED)]
    hook = dict(type='DeferredRecipeHook', schedule=schedule)
    runner = make_runner(tmp_path, in_memory=True, custom_hooks=[hook])
    with pytest.raises(ConfigError, match='in memory already'):
        runner.train()


def test_script_with_mixup(run_tool):
    output = run_tool(
        'train.py', 'configs/reslt/resnet20_digits-lt-if32.py', '--in-memory', '--amp',
        '--cfg-options', 'model.backbone.depth=8', 'train_cfg.max_epochs=2',
        'model.train_cfg.augments.type=Mixup', 'model.train_cfg.augments.alpha=1.0',
    )  # fmt: skip
    assert 'shot/few' in output
    manifold = run_tool(
        'train.py', 'configs/ce/resnet20_digits-lt-if32.py', '--in-memory',
        '--cfg-options', 'model.backbone.depth=8', 'train_cfg.max_epochs=1',
        'model.type=ManifoldMixupClassifier', 'model.head.loss.use_soft=True',
    )  # fmt: skip
    assert 'shot/few' in manifold


def test_scripts_on_the_config_that_was_written(run_tool, tmp_path):
    """tools/test.py with a work dir's config: pictures, and an error for --tta."""
    run_tool(
        'train.py', 'configs/ce/resnet20_digits-lt-if32.py', '--in-memory',
        '--cfg-options', 'model.backbone.depth=8', 'train_cfg.max_epochs=1',
        'default_hooks.checkpoint.interval=1',
    )  # fmt: skip
    work_dir = tmp_path / 'work'
    command = [
        'test.py',
        work_dir / 'resnet20_digits-lt-if32.py',
        work_dir / 'epoch_1.pth',
    ]
    output = run_tool(*command, '--show-dir', tmp_path / 'shown', '--interval', 100)
    assert 'shot/few' in output
    assert len(list((tmp_path / 'shown').rglob('*.png'))) == 5
    assert 'in memory already' in run_tool(*command, '--tta', expect=2)


def test_images_are_where_they_are_wanted():
    digits = Digits(split='test', pipeline=[dict(type='PackInputs')], indices=4)
    dataset = InMemoryDataset(digits, device='meta')
    assert dataset.images.device.type == dataset.labels.device.type == 'meta'

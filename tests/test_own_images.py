"""Training on a user's own folder, as README and docs/own-images.md describe it."""

import csv

import cv2
import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain import ImageClassificationInferencer
from mmpretrain.registry import MODELS

from tests.conftest import ROOT
from tests.documented import TEXTS

SMALL = [
    '--cfg-options', 'train_cfg.max_epochs=1', 'default_hooks.checkpoint.interval=1',
    'train_dataloader.dataset.pipeline.1.scale=32', 'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
    'val_dataloader.dataset.pipeline.1.scale=40', 'test_dataloader.num_workers=0',
    'val_dataloader.dataset.pipeline.2.crop_size=32',
]  # fmt: skip


@pytest.fixture
def my_images(tmp_path, monkeypatch):
    """A folder of five unbalanced classes."""
    root = tmp_path / 'my_images'
    generator = np.random.default_rng(0)
    for split, sizes in (('train', [20, 12, 6, 3, 1]), ('val', [2] * 5)):
        for label, size in enumerate(sizes):
            folder = root / split / f'class_{label}'
            folder.mkdir(parents=True)
            for i in range(size):
                image = generator.integers(256, size=(40, 50, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / f'{i}.jpg'), image)
    monkeypatch.setenv('DATA', str(root))
    return root


@pytest.mark.parametrize('method', ['reslt', 'bbn', 'ce'])
def test_own_folder(my_images, run_tool, tmp_path, monkeypatch, method):
    output = run_tool('train.py', f'configs/{method}/resnet50_folder.py', *SMALL)
    assert 'training images per class: [20, 12, 6, 3, 1]' in output
    assert 'shot/few' in output
    monkeypatch.delenv('DATA')
    work_dir = tmp_path / 'work'
    tested = run_tool(
        'test.py', work_dir / 'resnet50_folder.py', work_dir / 'epoch_1.pth',
        work_dir=tmp_path / 'tested',
    )  # fmt: skip
    assert 'shot/few' in tested
    table = tmp_path / 'predictions.csv'
    predict = [
        'predict.py', work_dir / 'resnet50_folder.py', work_dir / 'epoch_1.pth',
        my_images / 'val', '--out', table, '--top', '2',
    ]  # fmt: skip
    run_tool(*predict, work_dir=tmp_path / 'predicted')
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 10
    files = {str(path) for path in (my_images / 'val').rglob('*.jpg')}
    assert {row['image'] for row in rows} == files
    names = {f'class_{label}' for label in range(5)}
    for row in rows:
        assert {row['class_1'], row['class_2']} < names
        assert 1 >= float(row['score_1']) >= float(row['score_2']) >= 0
    if method == 'ce':
        run_tool(
            'test.py', work_dir / 'resnet50_folder.py', work_dir / 'epoch_1.pth',
            '--out', tmp_path / 'ce.pkl', work_dir=tmp_path / 'tested',
        )  # fmt: skip
        likeliest = {
            sample['img_path']: f'class_{int(sample["pred_label"])}'
            for sample in mmengine.load(tmp_path / 'ce.pkl')
        }
        assert likeliest == {row['image']: row['class_1'] for row in rows}
        inferencer = ImageClassificationInferencer(
            str(work_dir / 'resnet50_folder.py'),
            pretrained=str(work_dir / 'epoch_1.pth'),
            device='cpu',
        )
        found = inferencer([row['image'] for row in rows])
        assert {f['pred_class'] for f in found} <= names
        refused = run_tool(*predict[:3], tmp_path / 'work', *predict[4:], expect=2)
        assert 'has no images' in refused


def test_own_lists(my_images, save_documented, run_tool):
    for split in ('train', 'val'):
        paths = sorted((my_images / split).rglob('*.jpg'))
        rows = [
            f'{path.relative_to(my_images)} {path.parent.name[-1]}' for path in paths
        ]
        (my_images / f'{split}.txt').write_text('\n'.join(rows))
    config = save_documented(
        'my_list.py', "data_root='images'", f'data_root={str(my_images)!r}'
    )
    output = run_tool('train.py', config, *SMALL)
    assert 'training images per class: [20, 12, 6, 3, 1]' in output
    assert 'shot/few' in output


def test_own_config_for_the_folder(my_images, save_documented, run_tool):
    without_network = "type='Pretrained', checkpoint='torchvision://resnet101'"
    config = save_documented(
        'my_images_reslt.py', without_network, "type='Kaiming', layer='Conv2d'"
    )
    output = run_tool('train.py', config, *SMALL, 'model.backbone.depth=50')
    assert 'groups of [2, 3] classes' in output
    assert 'shot/class_4' in output


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """Weights of a whole ResNet-50 and their file."""
    file = tmp_path_factory.mktemp('pretrained') / 'resnet50.pth'
    weights = MODELS.build(dict(type='ResNet', depth=50)).state_dict()
    torch.save(weights, file)
    return weights, str(file)


@pytest.mark.parametrize('method', ['ce', 'reslt'])
def test_pretrained_for_the_folder(my_images, pretrained, method):
    weights, file = pretrained
    cfg = Config.fromfile(ROOT / f'configs/{method}/resnet50_folder.py')
    init_cfg = {'type': 'Pretrained', 'checkpoint': file}
    options = {
        f'model.backbone.init_cfg.{key}': value for key, value in init_cfg.items()
    }
    text = TEXTS[ROOT / 'README.md']
    assert all(f'{key}=' in text for key in options)
    cfg.merge_from_dict(options)
    model = MODELS.build(cfg.model)
    model.init_weights()
    torch.testing.assert_close(model.backbone.state_dict(), weights)


def test_pretrained_bbn_for_the_folder(my_images, pretrained, save_documented):
    weights, file = pretrained
    config = save_documented('my_images_bbn.py', 'torchvision://resnet50', file)
    model = MODELS.build(Config.fromfile(config).model)
    model.init_weights()
    last = 'layer4.2.'
    trunk = {key: value for key, value in weights.items() if not key.startswith(last)}
    block = {
        key.removeprefix(last): value
        for key, value in weights.items()
        if key.startswith(last)
    }
    torch.testing.assert_close(dict(model.backbone.state_dict()), trunk)
    for branch in (model.neck.conventional, model.neck.rebalancing):
        torch.testing.assert_close(dict(branch.state_dict()), block)


def test_second_stages_for_the_folder(my_images, run_tool, tmp_path):
    run_tool('train.py', 'configs/ce/resnet50_folder.py', *SMALL)
    checkpoint = tmp_path / 'work/epoch_1.pth'
    configs = 'configs/decoupling/resnet50_folder'
    output = run_tool(
        'train.py', f'{configs}_crt.py', *SMALL, f'load_from={checkpoint}',
        work_dir=tmp_path / 'crt',
    )  # fmt: skip
    assert 'shot/few' in output
    test_only = [option for option in SMALL if not option.startswith('train_cfg')]
    output = run_tool(
        'test.py', f'{configs}_ncm.py', checkpoint, *test_only,
        work_dir=tmp_path / 'ncm',
    )  # fmt: skip
    assert 'shot/few' in output


@pytest.mark.parametrize('name', ["o'brien's", 'a\\1b', 'mine [+x] {y}'])
def test_any_name_of_the_folder(my_images, tmp_path, monkeypatch, name):
    folder = tmp_path / name
    my_images.rename(folder)
    monkeypatch.setenv('DATA', str(folder))
    cfg = Config.fromfile(ROOT / 'configs/reslt/resnet50_folder.py')
    monkeypatch.delenv('DATA')
    cfg.dump(tmp_path / 'copy.py')  # as in the work dir
    for config in (cfg, Config.fromfile(tmp_path / 'copy.py')):
        assert config.train_dataloader.dataset.data_root == str(folder)


def test_a_missing_folder_is_named(run_tool, monkeypatch):
    monkeypatch.setenv('DATA', 'no/such/images')
    output = run_tool('train.py', 'configs/reslt/resnet50_folder.py', expect=2)
    assert 'error:' in output
    assert 'no/such/images/train' in output

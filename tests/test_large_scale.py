"""The large data sets on several processes: everything real except the images."""

import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmlt_plugin.datasets import long_tailed_counts
from tests.conftest import ROOT
from tools.dataset import check

# Cut-down images and steps; the nets, classes, lists and hyper-parameters are real.
SMALL = [
    'train_dataloader.batch_size=2', 'train_dataloader.num_workers=0',
    'train_dataloader.dataset.pipeline.1.scale=32', 'log_processor.window_size=1',
    'log_processor.by_epoch=False',
    'default_hooks.logger.interval=1', 'default_hooks.checkpoint.interval=2',
    'default_hooks.checkpoint.by_epoch=False',
    'train_cfg._delete_=True', 'train_cfg.by_epoch=False', 'train_cfg.val_interval=1000',
]  # fmt: skip
TEST = [
    'test_dataloader.dataset.pipeline.1.scale=32', 'test_dataloader.num_workers=0',
    'test_dataloader.dataset.pipeline.2.crop_size=32',
    'test_dataloader.dataset.indices=300',
]  # fmt: skip


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Eight small JPEGs, which all rows of all lists share."""
    folder = tmp_path_factory.mktemp('images')
    generator = np.random.default_rng(0)
    for i in range(8):
        image = generator.integers(256, size=(48, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{i}.jpg'), image)
    return folder


def make_tree(root, images, lists, counts):
    """A data folder with a training list of these counts and a test list.

    Every class folder is a link to the folder of images.
    """
    root.mkdir()
    test_rows = [f'test/{c}/{i}.jpg {c}' for c in range(len(counts)) for i in range(2)]
    train_rows = [
        f'train/{c}/{i % 8}.jpg {c}' for c, n in enumerate(counts) for i in range(n)
    ]
    for name, rows in zip(lists, (train_rows, test_rows)):
        (root / name).write_text('\n'.join(rows) + '\n')
    for split in ('train', 'test'):
        (root / split).mkdir()
        for c in range(len(counts)):
            (root / split / str(c)).symlink_to(images)
    return root


def run_and_resume(run_tool, config, processes, options, work_dir):
    """Train two iterations on several processes, resume for two more, test."""
    train = ['dist_train.sh', config, processes, '--no-validate']
    first = run_tool(
        *train, '--cfg-options', *SMALL, 'train_cfg.max_iters=2', *options,
        work_dir=work_dir,
    )  # fmt: skip
    second = run_tool(
        *train, '--resume', '--cfg-options', *SMALL, 'train_cfg.max_iters=4', *options,
        work_dir=work_dir,
    )  # fmt: skip
    assert re.search(r'Iter\(train\) \[2/2\]', first)
    assert re.search(r'Iter\(train\) \[3/4\]', second)
    assert not re.search(r'Iter\(train\) \[2/4\]', second)
    tested = run_tool(
        'test.py', config, work_dir / 'iter_4.pth', '--cfg-options', *TEST, *options,
        'train_dataloader.dataset.data_root=no/such/folder',
    )  # fmt: skip
    return first + second, tested


def test_reslt_on_imagenet_lt(run_tool, images, tmp_path, monkeypatch):
    monkeypatch.setenv('PORT', '29718')
    lists = ROOT / 'data' / 'lt-lists' / 'ImageNet_LT_train.counts.json'
    if not lists.exists():
        pytest.skip('real lists: data/lt-lists is not there')
    counts = json.loads(lists.read_text())
    names = ('ImageNet_LT_train.txt', 'ImageNet_LT_test.txt')
    root = make_tree(tmp_path / 'imagenet', images, names, counts)
    options = [
        f'{loader}_dataloader.dataset.data_root={root}' for loader in ('train', 'test')
    ]
    trained, tested = run_and_resume(
        run_tool,
        'configs/reslt/resnext50_imagenet-lt.py',
        4,
        options,
        tmp_path / 'work',
    )
    assert 'groups of [175, 605, 220] classes' in trained
    assert '115846 in 1000 classes, 5 to 1280' in trained
    assert 'many (> 100) 385 classes, medium 479, few (< 20) 136' in tested
    for split in ('all', 'many', 'medium', 'few'):
        assert f'shot/{split}' in tested
    meta = torch.load(tmp_path / 'work' / 'iter_4.pth', weights_only=True)['meta']
    assert meta['class_counts'] == counts


def test_bbn_on_inaturalist(run_tool, images, tmp_path, monkeypatch):
    monkeypatch.setenv('PORT', '29719')
    counts = long_tailed_counts(8142 * 1000, 8142, 0.002)
    counts = [max(n // 3, 2) for n in counts]  # 333 to 2 images a class
    names = ('iNaturalist18_train.txt', 'iNaturalist18_val.txt')
    root = make_tree(tmp_path / 'inat', images, names, counts)
    options = [
        f'{loader}_dataloader.dataset.data_root={root}' for loader in ('train', 'test')
    ] + ['train_dataloader.batch_sampler.drop_last=True',
         'default_hooks.cumulative_alpha.by_epoch=False']  # fmt: skip
    trained, tested = run_and_resume(
        run_tool, 'configs/bbn/resnet50_inat2018_2x.py', 2, options, tmp_path / 'work'
    )
    assert 'loss_rebalancing' in trained
    assert re.search(r'Iter\(train\) \[4/4\].*alpha: 0\.99', trained)
    for split in ('all', 'many', 'micro'):
        assert f'shot/{split}' in tested


@pytest.mark.parametrize(
    ('script', 'arguments', 'expected'),
    [
        (
            'input_pipeline.py',
            ['--number', '4', '--seconds', '0.05'],
            'whole pipeline, cv2 + cv2',
        ),
        (
            'step_time.py',
            [
                'configs/ce/resnet20_digits-lt-if32.py',
                'configs/bbn/resnet20_digits-lt-if32.py',
                *('--batch-size', '4', '--size', '16', '--steps', '2', '--bf16'),
            ],
            'ratio',
        ),
        (
            'throughput.py',
            [
                'configs/reslt/resnet20_digits-lt-if32.py',
                *('--iterations', '2', '--warm-up', '1', '--rounds', '1', '--amp'),
            ],
            '| reslt | ours from memory |',
        ),
    ],
)
def test_benchmarks_run(script, arguments, expected):
    command = [sys.executable, '-W', 'ignore', f'tools/benchmarks/{script}', *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert expected in done.stdout


@pytest.fixture
def listed(images, tmp_path):
    """A config for a small folder of class folders."""
    for c in range(3):
        (tmp_path / str(c)).symlink_to(images)
    rows = [
        f'{c}/{i % 8}.jpg {c}' for c, n in enumerate((120, 30, 4)) for i in range(n)
    ]
    (tmp_path / 'list.txt').write_text('\n'.join(rows) + '\n')
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = '{ROOT}/configs/reslt/resnet20_digits-lt-if32.py'
model = dict(head=dict(num_classes=3, groups=2))
train_dataloader = dict(dataset=dict(_delete_=True, type='ImageListDataset',
    ann_file='list.txt', data_root='{tmp_path}', num_classes=3))
val_dataloader = None
test_dataloader = None
""")
    return config


@pytest.fixture
def checked(listed):
    """Run tools/dataset/check.py on it."""

    def run(*options, expect):
        command = [sys.executable, '-W', 'ignore', ROOT / 'tools/dataset/check.py']
        done = subprocess.run(
            [*command, listed, *options], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == expect, done.stderr[-3000:]
        return done.stdout + done.stderr

    return run


def test_the_check_of_good_data(checked):
    output = checked(expect=0)
    assert "'many': 1, 'medium': 1, 'few': 1" in output  # thresholds of the digits
    assert 'groups: [2, 1]' in output
    assert 'nothing wrong' in output


def test_the_check_of_bad_data(checked, tmp_path):
    whole = (tmp_path / '0' / '0.jpg').read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'padded.jpg').write_bytes(whole + bytes(200))
    picture = np.zeros((8, 8, 3), np.uint8)
    (tmp_path / 'really_png.jpg').write_bytes(
        cv2.imencode('.png', picture)[1].tobytes()
    )
    (tmp_path / 'hole.jpg').write_bytes(whole[:20] + bytes(100) + whole[120:])
    with (tmp_path / 'list.txt').open('a') as file:
        file.write('cut.jpg 0\nempty.jpg 1\ngone.jpg 2\n')
        file.write('padded.jpg 0\nreally_png.jpg 1\nhole.jpg 2\n0/0.jpg 2\n')
    output = checked(expect=2)
    for name, line, fault in (
        ('cut', 155, 'image file is truncated'),
        ('empty', 156, 'empty'),
        ('gone', 157, 'No such file'),
        ('hole', 160, 'broken data stream'),
        ('0', 161, 'has the labels 0 and 2'),
    ):
        assert re.search(
            rf'{name}\.jpg, line {line}: {fault}', output.replace('\n', ' ')
        )
    assert 'error: 5 image files are missing, broken' in output
    assert 'nothing wrong' not in output
    wrong = checked('--cfg-options', 'model.head.num_classes=4', expect=2)
    assert 'model.head.num_classes=4' in wrong


def test_the_check_of_data_without_names(tmp_path, checked, listed):
    """mmpretrain's own list dataset has none; the config has no metric either."""
    config = Config.fromfile(listed)
    config.train_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(tmp_path), ann_file='list.txt', pipeline=[]
    )
    config.test_evaluator = config.val_evaluator = None
    config.dump(listed)
    assert 'in 3 classes' in checked(expect=0)


class Rows(list):
    get_data_info = list.__getitem__


def test_the_check_opens_a_file_once(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(check, 'fault_of', lambda path, *_: opened.append(path))
    rows = [('a', 0), ('b', 1), ('a', 0), ('a', 1), ('b', 1)]
    dataset = Rows(dict(img_path=path, gt_label=label) for path, label in rows)
    assert check.check_files(dataset, 'train', clips=True, decode=True) == (2, 1)
    assert opened == ['a', 'b']
    assert 'a: has the labels 0 and 1' in capsys.readouterr().out


def test_the_check_says_that_files_were_not_decoded(listed, monkeypatch, capsys):
    monkeypatch.setattr(check, 'FEW', 1)
    in_memory = f'{ROOT}/configs/ce/resnet20_digits-lt-if32.py'
    for config, told in ((listed, True), (in_memory, False)):
        monkeypatch.setattr(sys, 'argv', ['check.py', str(config)])
        check.main()
        output = capsys.readouterr().out
        assert 'nothing wrong' in output
        assert ('files were not decoded: --decode' in output) == told

"""Check a config's data before GPU hours are spent.

    python tools/dataset/check.py CONFIG [--no-files]

For the training, validation and test data it tells the number of images and classes,
looks for missing, empty and truncated files, and prints the shot splits and the groups
that ResLT would form. Exits with code 2 if anything is wrong.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, METRICS
from PIL import Image
from rich.progress import track

from mmlt_plugin import cli
from mmlt_plugin.class_counts import class_groups, shot_splits, training_class_counts
from mmlt_plugin.datasets.pipelines import find_pipeline
from mmlt_plugin.engine.hooks.class_counts_hook import (
    check_names,
    classes_without_images,
)
from mmlt_plugin.errors import ConfigError

#: Modes of Pillow with more than 8 bits, which loading clips: to white in general.
WIDE = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')
#: How whole files begin and end: JPEG and PNG.
MARKS = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def fault_of(path: str, clips: bool = True) -> str | None:
    """What is wrong with an image file, or None.

    Reads the first and last bytes, so that half a million files take minutes; only what
    does not end as it should, is in another format, or has 16 bits, is decoded.

    Args:
        path: The file.
        clips: Whether the images are loaded by Pillow, which clips more than 8 bits;
            OpenCV scales them.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(26)
            file.seek(0, 2)
            file.seek(max(file.tell() - 64, 0))
            end = file.read()
        if not head:
            return 'empty'
        grey_of_16_bits = head[:2] == b'\x89P' and head[24:26] == b'\x10\x00'
        if head[:2] in MARKS and MARKS[head[:2]] in end and not grey_of_16_bits:
            return None
        with Image.open(path) as image:
            image.load()
            if clips and image.mode in WIDE:
                return f'{image.mode} pixels would be clipped: convert it to 8 bits'
    except (OSError, SyntaxError, ValueError) as error:
        return getattr(error, 'strerror', None) or str(error)
    return None


def check_files(dataset: Any, name: str, clips: bool) -> int:
    """Look at every image file of a dataset; returns the number of faulty ones."""
    faults = 0
    for i in track(range(len(dataset)), description=f'{name}: {len(dataset)} files'):
        info = dataset.get_data_info(i)
        path = info.get('img_path')
        fault = fault_of(path, clips) if path else None
        if fault:
            faults += 1
            if faults <= 10:
                line = f', line {info["line"]}' if 'line' in info else ''
                print(f'  {path}{line}: {fault}')
    if faults > 10:
        print(f'  ... and {faults - 10} more')
    return faults


def describe_training(dataset: Any, cfg: Config, num_classes: int) -> None:
    """Print counts, shot splits and groups of the training data."""
    counts = training_class_counts(dataset, num_classes)
    positive = counts[counts > 0]
    print(
        f'  training images per class: {counts.max()} to {counts.min()}, imbalance '
        f'{counts.max() / positive.min():.0f}'
    )
    if absent := classes_without_images(counts, dataset):
        print(f'  {absent}')
    evaluators = cfg.test_evaluator
    for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
        metric = METRICS.build(evaluator)
        if not hasattr(metric, 'many'):
            continue
        splits = shot_splits(counts, metric.many, metric.few)
        print('  shot splits:', {name: len(ids) for name, ids in splits.items()})
    groups = cfg.model.get('head', {}).get('groups')
    if groups is not None:
        print('  groups:', [len(group) for group in class_groups(counts, groups)])


def main() -> None:
    """Check what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--no-files', action='store_true', help='look at no image files'
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    faults, seen, training = 0, [], None
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is None or loader.dataset in seen:
            continue
        seen.append(loader.dataset)
        dataset = DATASETS.build(loader.dataset)
        classes = dataset.metainfo['classes']
        wanted = cfg.model.get('head', {}).get('num_classes')
        print(f'{name}: {len(dataset)} images in {len(classes)} classes')
        if wanted is not None and wanted != len(classes):
            raise ConfigError(
                f'model.head.num_classes={wanted} does not match the {len(classes)} '
                f'classes of {name}_dataloader'
            )
        if name == 'train':
            training = dataset
            describe_training(dataset, cfg, len(classes))
        else:
            check_names(training, dataset)
        if not args.no_files:
            clips = any(
                transform.get('imdecode_backend') == 'pillow'
                for transform in find_pipeline(loader.dataset)
            )
            faults += check_files(dataset, name, clips)
    if faults:
        raise ConfigError(f'{faults} image files are missing or broken, see above')
    print('nothing wrong')


if __name__ == '__main__':
    cli.run(main)

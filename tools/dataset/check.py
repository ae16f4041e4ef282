"""Check a config's data before GPU hours are spent.

    python tools/dataset/check.py CONFIG [--no-files | --decode]

For training, validation and test data it prints the number of images and classes and looks for
missing, empty and broken files and for images with two labels. It also prints the shot splits and
the groups that ResLT would form. With 20,000 files or more it only reads both ends of each, which
finds truncated files, unless told to decode them. Exits with code 2 if anything is wrong.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS
from rich.progress import track

from mmlt_plugin.class_counts import (
    class_groups,
    classes_without_images,
    shot_splits,
    training_class_counts,
)
from mmlt_plugin.class_names import check_names, names_of
from mmlt_plugin.datasets.image_faults import fault_of
from mmlt_plugin.datasets.pipelines import find_pipeline
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.config_reading import classifier_settings, shot_thresholds
from mmlt_plugin.scripts.entry_point import make_parser, run_script

#: With fewer files, all are decoded.
FEW = 20_000


def check_files(dataset: Any, name: str, clips: bool, decode: bool) -> tuple[int, int]:
    """Check every image file of a dataset, once.

    Returns:
        tuple: Number of files, 0 for images in memory, and of faulty ones.
    """
    faults = 0
    labels: dict[str, int] = {}
    in_list = getattr(dataset, 'ann_file', '')
    for i in track(range(len(dataset)), description=f'{name}: {len(dataset)} images'):
        info = dataset.get_data_info(i)
        path, label = info.get('img_path'), info['gt_label']
        if not path:
            continue
        if path not in labels:
            labels[path] = label
            fault = fault_of(path, clips, decode)
        elif labels[path] != label:
            fault = f'has the labels {labels[path]} and {label}'
        else:  # listed twice and checked already
            continue
        if fault:
            faults += 1
            if faults <= 10:
                line = f', line {info["line"]}' if in_list and 'line' in info else ''
                print(f'  {path}{line}: {fault}')
    if faults > 10:
        print(f'  ... and {faults - 10} more')
    return len(labels), faults


def describe_training(dataset: Any, cfg: Config, num_classes: int) -> None:
    """Print counts, shot splits and groups of the training data."""
    counts = training_class_counts(dataset, num_classes)
    positive = counts[counts > 0]
    print(
        f'  training images per class: {counts.max()} to {counts.min()}, imbalance '
        f'{counts.max() / positive.min():.0f}'
    )
    if absent := classes_without_images(counts, names_of(dataset)):
        print(f'  {absent}')
    evaluators = cfg.get('test_evaluator') or cfg.get('val_evaluator')
    splits = shot_splits(counts, *shot_thresholds(evaluators))
    print('  shot splits:', {name: len(ids) for name, ids in splits.items()})
    groups = classifier_settings(cfg).get('groups')
    if groups is not None:
        print('  groups:', [len(group) for group in class_groups(counts, groups)])


def main() -> None:
    """Check the data of the config."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--no-files', action='store_true', help='do not check image files'
    )
    parser.add_argument('--decode', action='store_true', help='decode all image files')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    faults, seen, training, ends_only = 0, [], None, False
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is None or loader.dataset in seen:
            continue
        seen.append(loader.dataset)
        dataset = DATASETS.build(loader.dataset)
        wanted = classifier_settings(cfg).get('num_classes')
        classes = len(names_of(dataset)) or wanted
        if classes is None:
            raise ConfigError(
                f'{name}_dataloader.dataset names no classes: set its '
                'metainfo=dict(classes=[...]), or model.head.num_classes'
            )
        print(f'{name}: {len(dataset)} images in {classes} classes')
        if wanted not in (None, classes):
            raise ConfigError(
                f'model.head.num_classes={wanted} does not match the {classes} '
                f'classes of {name}_dataloader'
            )
        if name == 'train':
            training = dataset
            describe_training(dataset, cfg, classes)
        else:
            check_names(names_of(training), names_of(dataset))
            counts = training_class_counts(dataset, classes)
            print(f'  {(counts == 0).sum()} classes without images')
        if not args.no_files:
            clips = any(
                transform.get('imdecode_backend') == 'pillow'
                for transform in find_pipeline(loader.dataset)
            )
            decode = args.decode or len(dataset) < FEW
            files, faulty = check_files(dataset, name, clips, decode)
            ends_only |= bool(files) and not decode
            faults += faulty
    if faults:
        raise ConfigError(
            f'{faults} image files are missing, broken or labelled twice, see above'
        )
    print('nothing wrong' + ends_only * ' (files were not decoded: --decode)')


if __name__ == '__main__':
    run_script(main)

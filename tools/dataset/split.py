"""Split a folder of class folders into training and validation images.

    python tools/dataset/split.py IMAGES OUT [--val 0.2] [--min-train 2] [--seed 0] [--copy]

From IMAGES/<class>/ it makes OUT/train/<class>/ and OUT/val/<class>/, as needed by
configs/*/resnet50_folder.py, with links or copies. Every class gives the same share to
validation, rounded, at least one image, but always keeps --min-train images: classes that are too
rare have no validation images.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt_plugin.checks import check_number
from mmlt_plugin.datasets.image_files import EXTENSIONS, find_images, visible_folders
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def number_for_validation(images: int, share: float, min_train: int) -> int:
    """How many of a class's images are for validation."""
    return max(0, min(max(1, round(share * images)), images - min_train))


def images_to_split(args: argparse.Namespace) -> list[list[Path]]:
    """Images of every class folder; raises if they cannot be split."""
    check_number('--val', args.val, '(0, 1)')
    check_number('--min-train', args.min_train, '[1, inf)', integer=True)
    if args.out.exists() and (args.out.is_file() or any(args.out.iterdir())):
        raise ConfigError(f'{args.out} is not empty: give a new folder')
    if args.out.resolve().is_relative_to(args.images.resolve()):
        raise ConfigError(f'{args.out} lies within the images: give another folder')
    if not args.images.is_dir():
        raise ConfigError(f'{args.images}: there is no such folder')
    classes = visible_folders(args.images)
    if len(classes) < 2:
        raise ConfigError(
            f'{args.images} has {len(classes)} folders, and should have one for each class'
        )
    beside = args.images.iterdir()
    if loose := [path for path in beside if path.suffix.lower() in EXTENSIONS]:
        raise ConfigError(f'{loose[0]} lies in no class folder')
    found = [list(map(Path, find_images([folder]))) for folder in classes]
    if empty := [folder for folder, images in zip(classes, found) if not images]:
        raise ConfigError(f'{empty[0]} has no images: remove it or fill it')
    return found


def main() -> None:
    """Split the images."""
    parser = make_parser(__doc__)
    parser.add_argument('images', type=Path, help='folder of class folders')
    parser.add_argument('out', type=Path, help='folder to create')
    parser.add_argument(
        '--val', type=float, default=0.2, help='share of the images, in (0, 1)'
    )
    parser.add_argument(
        '--min-train',
        type=int,
        default=2,
        help='images per class that stay in training',
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--copy', action='store_true', help='copy instead of linking')
    args = parser.parse_args()
    classes = images_to_split(args)
    put = shutil.copy2 if args.copy else os.symlink
    generator = np.random.default_rng(args.seed)
    numbers = []
    for images in classes:
        of_val = number_for_validation(len(images), args.val, args.min_train)
        chosen = set(generator.permutation(len(images))[:of_val].tolist())
        numbers.append((len(images) - of_val, of_val))
        for number, image in enumerate(images):
            split = 'val' if number in chosen else 'train'
            target = args.out / split / image.relative_to(args.images)
            target.parent.mkdir(parents=True, exist_ok=True)
            put(image.resolve(), target)
    training, validation = map(sum, zip(*numbers))
    without = sum(of_val == 0 for _, of_val in numbers)
    print(f'{args.out}: {training} training and {validation} validation images')
    if without:
        print(f'{without} of {len(classes)} classes have no validation images')


if __name__ == '__main__':
    run_script(main)

"""Measure what bounds the input of 224-pixel training on this machine.

    python tools/benchmarks/input_pipeline.py [--images FOLDER] [--out FILE.json]

Reads JPEGs like ImageNet's (500 x 375, generated, or your own) and prints images per second and
their ratio to the shipped setting: first for the steps in one process, then for the whole
training pipeline with different numbers of workers.
"""

import itertools
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmpretrain.registry import TRANSFORMS
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

import mmlt_plugin  # noqa: F401 - registers the transforms' package
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script

CONFIG = Path(__file__).resolve().parents[2] / 'configs/reslt/resnext50_imagenet-lt.py'


class Pipeline(Dataset):
    """A dataset that passes files through a list of transforms."""

    def __init__(self, files: list[str], transforms: list[dict]) -> None:
        self.files = files
        self.transforms = [
            TRANSFORMS.build(dict(transform)) for transform in transforms
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, idx: int) -> dict:
        results: Any = dict(img_path=self.files[idx], gt_label=0)
        for transform in self.transforms:
            results = transform(results)
        return results


def make_images(folder: Path, number: int) -> None:
    """Write smooth random pictures of ImageNet's median size and file size."""
    generator = np.random.default_rng(0)
    for i in range(number):
        coarse = generator.integers(256, size=(48, 64, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (500, 375), interpolation=cv2.INTER_CUBIC)
        noise = generator.normal(0, 6, image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f'{i}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 90])


def rate(run: Callable[[], int], seconds: float) -> float:
    """Images per second of a function that processes some images and returns their number."""
    run()  # warms up file cache and libraries
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        images += run()
    return images / (time.perf_counter() - start)


def through(dataset: Pipeline) -> Callable[[], int]:
    """One pass over a dataset in this process."""

    def run() -> int:
        return sum(1 for _ in map(dataset.__getitem__, range(len(dataset))))

    return run


def with_backend(transforms: list[dict], decode: str, resize: str) -> list[dict]:
    """The same transforms with other libraries for reading and resizing."""
    changed = [dict(transform) for transform in transforms]
    for transform in changed:
        if 'imdecode_backend' in transform:
            transform['imdecode_backend'] = decode
        if 'backend' in transform:
            transform['backend'] = resize
    return changed


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument('--images', help='folder of JPEGs to read instead')
    parser.add_argument(
        '--number', type=int, default=128, help='number of images to generate'
    )
    parser.add_argument(
        '--seconds', type=float, default=3, help='seconds per measurement'
    )
    parser.add_argument('--out', help='JSON file for the results')
    args = parser.parse_args()
    cv2.setNumThreads(0)
    pipeline = Config.fromfile(CONFIG).train_pipeline
    with tempfile.TemporaryDirectory() as made:
        if not args.images:
            make_images(Path(made), args.number)
        files = sorted(map(str, Path(args.images or made).rglob('*.jp*g')))
        if not files:
            raise ConfigError(f'--images {args.images} has no .jpg or .jpeg files')
        figures = measure(files, pipeline, args.seconds)
    shipped = figures['whole pipeline, pillow + pillow']
    table = Table(title='Input pipeline, images a second')
    for column in ('what', 'images/s', 'ratio'):
        table.add_column(column, justify='left' if column == 'what' else 'right')
    for name, value in figures.items():
        table.add_row(name, f'{value:.0f}', f'{value / shipped:.2f}')
    Console(width=90).print(table)
    machine = dict(
        processor=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        torch=torch.__version__,
        opencv=cv2.__version__,
    )
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    if args.out:
        Path(args.out).write_text(
            json.dumps(dict(machine=machine, images_per_second=figures), indent=2)
        )


def measure(files: list[str], pipeline: list[dict], seconds: float) -> dict[str, float]:
    """Images per second for every setting."""
    figures = {}
    for backend in ('pillow', 'cv2'):
        steps = with_backend(pipeline, backend, backend)
        for stop, name in ((1, 'read and decode'), (2, 'and crop, resize')):
            dataset = Pipeline(files, steps[:stop])
            figures[f'{name}, {backend}'] = rate(through(dataset), seconds)
    for decode, resize in itertools.product(('pillow', 'cv2'), repeat=2):
        dataset = Pipeline(files, with_backend(pipeline, decode, resize))
        name = f'whole pipeline, {decode} + {resize}'
        figures[name] = rate(through(dataset), seconds)
    shipped = Pipeline(files, pipeline)
    for workers in sorted({1, 2, os.cpu_count() or 1}):
        loader = DataLoader(
            shipped,
            batch_size=32,
            num_workers=workers,
            persistent_workers=True,
            collate_fn=default_collate,
        )
        run = lambda loader=loader: sum(len(batch['inputs']) for batch in loader)  # noqa: E731
        figures[f'{workers} workers'] = rate(run, seconds)
    cv2.setNumThreads(os.cpu_count() or 1)
    figures['whole pipeline, OpenCV threads'] = rate(through(shipped), seconds)
    cv2.setNumThreads(0)
    return figures


if __name__ == '__main__':
    run_script(main)

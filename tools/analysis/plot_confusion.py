"""Draw the confusion between classes, from head to tail.

    python tools/analysis/plot_confusion.py CHECKPOINT OUT.png CE=ce.pkl ResLT=reslt.pkl

CHECKPOINT provides the training images per class, each NAME=FILE the predictions of one run:
tools/test.py CONFIG CHECKPOINT --out FILE.pkl. The upper row has all classes, from the most to
the least frequent. The lower row has the shares, in percent, of many-, medium- and few-shot
images that are predicted as classes of each split, with equal weight for every class.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mmengine
import numpy as np
from matplotlib.colors import PowerNorm
from pictures import class_counts, named_once, plt, save, thresholds_of_training

from mmlt_plugin.class_counts import by_frequency, shot_splits
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def confusion(predictions: str, num_classes: int) -> np.ndarray:
    """Shares (C, C) in percent of a class's images that are predicted as each class.

    The row of a class without test images is NaN.

    Args:
        predictions: File of tools/test.py.
        num_classes: Number of classes C.
    """
    samples = mmengine.load(predictions)
    labels = np.array([int(sample['gt_label'][0]) for sample in samples])
    taken_for = np.array([int(sample['pred_label'][0]) for sample in samples])
    pairs = np.bincount(labels * num_classes + taken_for, minlength=num_classes**2)
    matrix = pairs.reshape(num_classes, num_classes).astype(float)
    images = matrix.sum(1, keepdims=True)
    return 100 * matrix / np.where(images > 0, images, np.nan)


def between_splits(matrix: np.ndarray, splits: list[np.ndarray]) -> np.ndarray:
    """Shares (S, S) in percent of a split's images that are predicted as each split."""
    return np.array(
        [
            [np.nanmean(matrix[np.ix_(true, taken)].sum(1)) for taken in splits]
            for true in splits
        ]
    )


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint with the class counts')
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('runs', nargs='+', metavar='NAME=FILE', help='predictions')
    for bound in ('many', 'few'):
        parser.add_argument(
            f'--{bound}', type=int, help='training images; by default those of the run'
        )
    args = parser.parse_args()
    counts = class_counts(args.checkpoint)
    order = by_frequency(counts)
    asked = (args.many, args.few)
    trained = thresholds_of_training(args.checkpoint)
    many, few = (b if a is None else a for a, b in zip(asked, trained))
    splits = {
        name: classes
        for name, classes in shot_splits(counts, many, few).items()
        if len(classes)
    }
    runs = named_once(args.runs)
    figure, axes = plt.subplots(
        2, len(runs), figsize=(4 * len(runs), 6.6), layout='constrained', squeeze=False,
        height_ratios=[1.5, 1],
    )  # fmt: skip
    for (upper, lower), (name, file) in zip(axes.T, runs.items()):
        matrix = confusion(file, len(counts))
        # The square root, so that small shares are visible too.
        shades = PowerNorm(0.5, vmin=0, vmax=100)
        upper.imshow(matrix[np.ix_(order, order)], cmap='Blues', norm=shades)
        upper.set_title(f'{name}: {np.nanmean(matrix.diagonal()):.1f}')
        upper.set_ylabel('class, from most to least frequent')
        upper.set_xlabel('taken for class')
        places = np.unique(np.linspace(0, len(order) - 1, 11).round().astype(int))
        upper.set_xticks(places, order[places], fontsize=7)
        upper.set_yticks(places, order[places], fontsize=7)
        shares = between_splits(matrix, list(splits.values()))
        lower.imshow(shares, cmap='Blues', vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            color = 'white' if share > 60 else 'black'
            lower.text(
                column, row, f'{share:.1f}', ha='center', va='center', color=color
            )
        lower.set_xticks(range(len(splits)), list(splits))
        lower.set_yticks(range(len(splits)), list(splits))
        lower.set_xlabel(f'taken for a class of (many > {many}, few < {few} images)')
    save(figure, args.out)


if __name__ == '__main__':
    run_script(main)

"""Draw the accuracy of every class against its number of training images.

    python tools/analysis/plot_per_class.py CHECKPOINT OUT.png CE=ce.json ResLT=reslt.json

CHECKPOINT provides the training images per class, each NAME=FILE the metrics of one run
(several of the same name are averaged):
tools/test.py CONFIG CHECKPOINT --out FILE --out-item metrics
    --cfg-options test_evaluator.per_class=True
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pictures import class_counts, named, plt, save

from mmlt_plugin.class_counts import by_frequency
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def class_accuracies(metrics_file: str) -> dict[int, float]:
    """Accuracy in percent by class id, from the metrics that tools/test.py wrote."""
    metrics = json.loads(Path(metrics_file).read_text())
    prefix = 'shot/class_'
    found = {
        int(name.removeprefix(prefix)): value
        for name, value in metrics.items()
        if name.startswith(prefix)
    }
    if not found:
        raise ConfigError(
            f'{metrics_file} has no accuracy of single classes: test with '
            '--cfg-options test_evaluator.per_class=True'
        )
    return found


def moving_mean(values: np.ndarray, reach: int = 5) -> np.ndarray:
    """Mean of each value and up to ``reach`` on either side of it."""
    return np.array(
        [values[max(0, i - reach) : i + reach + 1].mean() for i in range(len(values))]
    )


def draw(counts: np.ndarray, runs: dict[str, list[dict[int, float]]], out: str) -> None:
    """Draw the picture.

    Args:
        counts: Training images per class, shape (C,).
        runs: For each method, the accuracies of its runs by class id. The line is their mean,
            the band their range.
        out: File of the picture; an .svg is saved next to it.
    """
    order = by_frequency(counts)
    figure, axis = plt.subplots(figsize=(7, 4), layout='constrained')
    axis.bar(np.arange(len(order)), counts[order], color='0.88', width=0.95)
    axis.set_yscale('log')
    axis.set_ylabel('training images (bars, logarithmic)')
    axis.set_xlabel('class, from most to least frequent')
    axis.set_xticks(np.arange(len(order)) if len(order) <= 20 else [])
    if len(order) <= 20:
        axis.set_xticklabels([f'{c}\n{counts[c]}' for c in order])
    lines = axis.twinx()
    lines.set_ylabel('top-1 accuracy (lines), %')
    lines.set_ylim(0, 102)
    for (name, found), marker in zip(runs.items(), 'os^Dvx*' * len(runs)):
        places = [i for i, c in enumerate(order) if c in found[0]]
        accuracy = np.array([[run[order[i]] for i in places] for run in found])
        mean = accuracy.mean(0)
        label = f'{name}: {accuracy.mean():.1f} over all classes'
        if len(order) <= 20:
            lines.plot(places, mean, marker=marker, label=label)
        else:  # a thin line for single classes, a thick one for a moving average
            (line,) = lines.plot(places, moving_mean(mean), label=label)
            lines.plot(places, mean, color=line.get_color(), linewidth=0.6, alpha=0.5)
        if len(found) > 1:
            lines.fill_between(places, accuracy.min(0), accuracy.max(0), alpha=0.15)
    lines.legend(loc='lower left')
    save(figure, out)


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('checkpoint', help='checkpoint with the class counts')
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('runs', nargs='+', metavar='NAME=FILE', help='metrics of a run')
    args = parser.parse_args()
    runs = {
        name: [class_accuracies(file) for file in files]
        for name, files in named(args.runs).items()
    }
    draw(class_counts(args.checkpoint), runs, args.out)


if __name__ == '__main__':
    run_script(main)

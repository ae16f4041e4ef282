r"""Draw logged values during trainings.

    python tools/analysis/plot_training.py OUT.png CE=WORK_DIR ResLT=WORK_DIR \
        --values shot/all shot/many shot/medium shot/few
    python tools/analysis/plot_training.py OUT.png BBN=WORK_DIR \
        --values alpha,loss_conventional,loss_rebalancing

Every argument of --values is a panel; values joined by commas share one. Several work dirs of
the same name are averaged, and a band shows their range.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pictures import named, plt, save

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.run_log import curve

SHOTS = ['shot/all', 'shot/many', 'shot/medium', 'shot/few']


def mean_curve(work_dirs: list[str], value: str) -> tuple[np.ndarray, np.ndarray]:
    """A value by epoch in several runs, at the epochs that all of them have.

    Returns:
        tuple: Epochs (T,) and values (runs, T).
    """
    curves = [curve(Path(work_dir), value) for work_dir in work_dirs]
    epochs = sorted(set.intersection(*map(set, curves)))
    if not epochs:
        raise ConfigError(
            f'{" and ".join(work_dirs)} logged no {value!r} in common epochs'
        )
    return np.array(epochs), np.array([[c[e] for e in epochs] for c in curves])


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('runs', nargs='+', metavar='NAME=WORK_DIR')
    parser.add_argument(
        '--values',
        nargs='+',
        help='logged names; by default accuracy of all, many-, medium- and few-shot classes',
    )
    args = parser.parse_args()
    runs = named(args.runs)
    panels = args.values or [
        value  # a data set may lack a split
        for value in SHOTS
        if all(curve(Path(d), value) for work_dirs in runs.values() for d in work_dirs)
    ]
    if not panels:
        raise ConfigError(f'{" and ".join(runs)} logged none of {", ".join(SHOTS)}')
    rows = int(np.ceil(len(panels) / 2))
    columns = min(2, len(panels))
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(4.5 * columns, 3 * rows),
        layout='constrained',
        squeeze=False,
    )
    for axis, values in zip(axes.flat, panels):
        for name, work_dirs in runs.items():
            for value in values.split(','):
                epochs, found = mean_curve(work_dirs, value)
                label = name if values == value else f'{name} {value}'
                axis.plot(epochs, found.mean(0), label=label, linewidth=1.2)
                axis.fill_between(epochs, found.min(0), found.max(0), alpha=0.15)
        axis.set_title(values if ',' not in values else '')
        axis.set_xlabel('epoch')
        axis.legend()
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    save(figure, args.out)


if __name__ == '__main__':
    run_script(main)

"""Draw the training images per class of configs' data sets, with groups and shots.

    python tools/analysis/plot_class_distribution.py OUT.png CONFIG [CONFIG ...]

If the first config has ResLT's head, its groups are shaded. Dotted lines separate many-,
medium- and few-shot classes by the thresholds of its evaluator.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS
from pictures import plt, save

from mmlt_plugin.class_counts import by_frequency, class_groups, training_class_counts
from mmlt_plugin.class_names import names_of
from mmlt_plugin.scripts.config_reading import classifier_settings, shot_thresholds
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def counts_of(cfg: Config) -> np.ndarray:
    """Training images per class of a config's data set, shape (C,)."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    classes = len(names_of(dataset)) or classifier_settings(cfg)['num_classes']
    return training_class_counts(dataset, classes)


def draw(
    counts: dict[str, np.ndarray],
    groups: list[np.ndarray] | None,
    thresholds: tuple[int, int],
    out: str,
) -> None:
    """Draw the picture.

    Args:
        counts: Training images per class, shape (C,), by name.
        groups: Classes of each group of the first config.
        thresholds: ``many`` and ``few``, in training images.
        out: File of the picture.
    """
    figure, axis = plt.subplots(figsize=(7, 4), layout='constrained')
    start = 0
    for number, group in enumerate(groups or []):
        end = start + len(group)
        axis.axvspan(start, end, color='tab:blue', alpha=0.16 - 0.05 * min(number, 3))
        axis.text(
            (start + end) / 2, 1.01, f'group {number + 1}: {len(group)} classes',
            ha='center', va='bottom', transform=axis.get_xaxis_transform(),
        )  # fmt: skip
        start = end
    for name, numbers in counts.items():
        ordered = numbers[by_frequency(numbers)]
        axis.stairs(ordered, label=f'{name}: {ordered.sum():,} images', linewidth=1.8)
    bounds: dict[str, Any] = dict(color='0.4', linestyle=':', linewidth=1)
    for name, number in zip(('many', 'few'), thresholds):
        axis.axhline(number, **bounds)
        sign = '>' if name == 'many' else '<'
        axis.text(
            0.01, number, f'{name}-shot {sign} {number}', ha='left', color='0.3',
            va='bottom' if name == 'many' else 'top', transform=axis.get_yaxis_transform(),
        )  # fmt: skip
    axis.set_yscale('log')
    axis.set_xlim(0, max(map(len, counts.values())))
    axis.set_xlabel('class, from most to least frequent')
    axis.set_ylabel('training images (logarithmic)')
    axis.legend(loc='lower left')
    save(figure, out)


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('configs', nargs='+', help='config files')
    args = parser.parse_args()
    configs = [Config.fromfile(config) for config in args.configs]
    counts = {Path(f).stem: counts_of(cfg) for f, cfg in zip(args.configs, configs)}
    groups = classifier_settings(configs[0]).get('groups')
    if groups is not None:
        groups = class_groups(next(iter(counts.values())), groups)
    thresholds = shot_thresholds(configs[0].get('val_evaluator'))
    draw(counts, groups, thresholds, args.out)


if __name__ == '__main__':
    run_script(main)

"""Draw accuracy against one setting of the config, from results files.

    python tools/analysis/plot_setting.py OUT.png model.head.loss.alpha results/reslt/*.json

ResLT's Fig. 6 is this for alpha. There is one line per data set. Runs that only differ in their
seeds are averaged, and bars show their range. The configs should differ only in their data set
and in this setting.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from pictures import plt, save

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def setting_of(run: dict, key: str) -> float:
    """Value of a setting in a run."""
    value = run.get('recipe', {}).get(key)
    if not isinstance(value, (int, float)):
        raise ConfigError(
            f'the results of {run["config"]} have no number at {key}; they have those of the '
            'model, the optimizer, the schedules and the batch size'
        )
    return float(value)


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('setting', help='key in the config, with dots')
    parser.add_argument('results', nargs='+', type=Path, help='files of record.py')
    parser.add_argument(
        '--metric', default='all', help='all, many, medium, few or micro'
    )
    args = parser.parse_args()
    lines: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for file in args.results:
        run = json.loads(file.read_text())
        if run['complete']:
            data_set = Path(run['config']).stem.split('_')[1]
            value = setting_of(run, args.setting)
            lines[data_set][value].append(run['last'][args.metric])
    if not lines:
        raise ConfigError('none of these results is of a complete training')
    figure, axis = plt.subplots(figsize=(6, 4), layout='constrained')
    for data_set, points in sorted(lines.items()):
        values = sorted(points)
        means = np.array([np.mean(points[value]) for value in values])
        reach = [
            [mean - min(points[v]) for v, mean in zip(values, means)],
            [max(points[v]) - mean for v, mean in zip(values, means)],
        ]
        axis.errorbar(values, means, reach, marker='o', capsize=3, label=data_set)
    axis.set_xlabel(args.setting)
    axis.set_ylabel(f'top-1 accuracy ({args.metric}), last epoch, %')
    axis.legend()
    save(figure, args.out)


if __name__ == '__main__':
    run_script(main)

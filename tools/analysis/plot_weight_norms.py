"""Draw the norms of classifiers' weights, class by class.

    python tools/analysis/plot_weight_norms.py OUT.png CE=ce.pth RW=rw.pth BBN=bbn.pth

This is BBN's Fig. 4: an ordinary classifier has larger weights for more frequent classes. BBN's
own classifier has three curves: the half on the conventional branch (CB), the half on the
re-balancing branch (RB), and both (ALL). The legend has the standard deviation of the norms over
the classes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from pictures import class_counts, load, named_once, plt, save

from mmlt_plugin.class_counts import by_frequency
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.weights import plain_name

#: Names of classifiers' weights (C, D).
WEIGHTS = ('head.fc.weight', 'head.weight')


def weight_norms(checkpoint: str) -> dict[str, np.ndarray]:
    """Norms of the classifier's rows, shape (C,); for BBN also of both halves.

    Args:
        checkpoint: File of a checkpoint.

    Returns:
        dict: Norms by suffix of the name: empty, or ``-CB``, ``-RB`` and ``-ALL``.
    """
    content = load(checkpoint)
    state = {plain_name(k): v for k, v in content.get('state_dict', content).items()}
    weight = next((state[name] for name in WEIGHTS if name in state), None)
    if weight is None:
        raise ConfigError(f'checkpoint {checkpoint} has no {" or ".join(WEIGHTS)}')
    parts = {'': weight.double()}
    if any(name.startswith('neck.rebalancing.') for name in state):
        conventional, rebalancing = weight.double().chunk(2, dim=1)
        parts = {'-CB': conventional, '-RB': rebalancing, '-ALL': weight.double()}
    return {k: torch.linalg.vector_norm(w, dim=1).numpy() for k, w in parts.items()}


def draw(counts: np.ndarray, norms: dict[str, np.ndarray], out: str) -> None:
    """Draw norms (C,) by name over classes from the most to the least frequent."""
    order = by_frequency(counts)
    figure, axis = plt.subplots(figsize=(7, 4), layout='constrained')
    for name, values in norms.items():
        axis.plot(values[order], label=f'{name} (std {values.std():.3f})')
    axis.set_xlabel('class, from most to least frequent')
    axis.set_ylabel("norm of the class's weights")
    axis.set_ylim(bottom=0)
    axis.legend(ncols=2)
    save(figure, out)


def main() -> None:
    """Draw the picture described by the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('out', help='file of the picture, .png')
    parser.add_argument('checkpoints', nargs='+', metavar='NAME=CHECKPOINT')
    args = parser.parse_args()
    files = named_once(args.checkpoints)
    norms = {}
    for name, file in files.items():
        for suffix, values in weight_norms(file).items():
            norms[name + suffix] = values
    counts = class_counts(next(iter(files.values())))
    for name, values in norms.items():
        if len(values) != len(counts):
            raise ConfigError(
                f'{name} has {len(values)} classes, the first checkpoint {len(counts)}: '
                'one picture is of one data set'
            )
    draw(counts, norms, args.out)


if __name__ == '__main__':
    run_script(main)

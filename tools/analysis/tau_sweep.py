"""Choose the tau of a tau-normalised classifier on validation images.

    python tools/analysis/tau_sweep.py CONFIG CHECKPOINT [--taus 0 0.1 ... 2]

Prints the accuracy on the config's val_dataloader for every tau, and the command that
tests the best one. Refuses to choose on the test images.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config

from mmlt_plugin import cli
from mmlt_plugin.errors import ConfigError


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='config with a TauNormHead')
    parser.add_argument('checkpoint', help='checkpoint of its first stage')
    parser.add_argument(
        '--taus', nargs='+', type=float, default=[i / 10 for i in range(21)]
    )
    cli.add_common_arguments(parser)
    return parser.parse_args()


def refuse_test_images(cfg: Config) -> None:
    """Raise a ConfigError if validation and test images are the same."""

    def source(dataset: dict) -> dict:
        return {key: value for key, value in dataset.items() if key != 'pipeline'}

    val, test = cfg.val_dataloader.dataset, cfg.test_dataloader.dataset
    if source(val) == source(test):
        raise ConfigError(
            'val_dataloader.dataset is that of test_dataloader: tau must not be chosen on '
            'test images, so give val_dataloader other ones, as '
            'configs/decoupling/resnet32_cifar100-lt-if100_tau-norm.py does'
        )


def main() -> None:
    """Evaluate every tau."""
    args = parse_args()
    cfg = cli.load_config(args)
    refuse_test_images(cfg)
    cfg.load_from, cfg.resume = args.checkpoint, False
    cli.prepare_dataloaders(cfg, args, ['val_dataloader'])
    runner = cli.build_runner(cfg)
    head = runner.model.head
    if not hasattr(head, 'tau'):
        raise ConfigError(
            f'model.head is a {type(head).__name__}, which has no tau: use a TauNormHead'
        )
    found = {}
    for tau in args.taus:
        head.tau = tau
        found[tau] = runner.val()
    names = list(next(iter(found.values())))
    lines = [['tau', *names]]
    lines += [[f'{tau:g}', *(f'{m[n]:.2f}' for n in names)] for tau, m in found.items()]
    print('\n'.join('  '.join(f'{cell:>12}' for cell in line) for line in lines))
    best = max(found, key=lambda tau: found[tau]['shot/all'])
    print(
        f'\nbest: python tools/test.py {args.config} {args.checkpoint} --cfg-options '
        f'model.head.tau={best:g}'
    )


if __name__ == '__main__':
    cli.run(main)

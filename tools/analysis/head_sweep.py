"""Choose a setting of a head for evaluation, on validation images.

    python tools/analysis/head_sweep.py CONFIG CHECKPOINT tau [--values 0 0.1 ... 2]

For the tau of TauNormHead, LogitAdjustedHead and ResLTHead, and the alpha of TDEHead. Prints
the accuracy on the config's val_dataloader for every value, and the command that tests the
best one. Refuses to choose on the test images.
"""

import argparse
import sys
from numbers import Real
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config
from torch import nn

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts import cli
from mmlt_plugin.scripts.careful_runner import build_runner
from mmlt_plugin.scripts.dataloaders import prepare_dataloaders
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.weights import unwrapped


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='config with such a head')
    parser.add_argument('checkpoint', help='what to evaluate')
    parser.add_argument('setting', help='tau, alpha, ... of model.head')
    parser.add_argument(
        '--values', nargs='+', type=float, default=[i / 10 for i in range(21)]
    )
    cli.add_common_arguments(parser)
    return parser.parse_args()


def refuse_test_images(cfg: Config, setting: str) -> None:
    """Raise a ConfigError if validation and test images are the same."""

    def source(dataset: dict) -> dict:
        return {key: value for key, value in dataset.items() if key != 'pipeline'}

    val, test = cfg.val_dataloader.dataset, cfg.test_dataloader.dataset
    if source(val) == source(test):
        raise ConfigError(
            f'val_dataloader.dataset is that of test_dataloader: {setting} must not be '
            'chosen on test images, so give val_dataloader other ones, as '
            'configs/decoupling/resnet32_cifar100-lt-if100_tau-norm.py does'
        )


def check_setting(head: nn.Module, setting: str) -> None:
    """Raise a ConfigError unless the head has a number, or None, of that name."""
    present = getattr(head, setting, '')
    if isinstance(present, bool) or not isinstance(present, (Real, type(None))):
        raise ConfigError(
            f'model.head is a {type(head).__name__}, which has no number {setting!r}: '
            'TauNormHead, LogitAdjustedHead and ResLTHead have tau, TDEHead has alpha'
        )


def main() -> None:
    """Evaluate every value."""
    args = parse_args()
    cfg = cli.load_config(args)
    refuse_test_images(cfg, args.setting)
    cfg.load_from, cfg.resume = args.checkpoint, False
    prepare_dataloaders(cfg, args, ['val_dataloader'])
    runner = build_runner(cfg)
    head = unwrapped(runner.model).head
    check_setting(head, args.setting)
    found = {}
    for value in args.values:
        setattr(head, args.setting, value)
        found[value] = runner.val()
    names = list(next(iter(found.values())))
    lines = [[args.setting, *names]]
    lines += [[f'{v:g}', *(f'{m[n]:.2f}' for n in names)] for v, m in found.items()]
    print('\n'.join('  '.join(f'{cell:>12}' for cell in line) for line in lines))
    best = max(found, key=lambda value: found[value]['shot/all'])
    print(
        f'\nbest: python tools/test.py {args.config} {args.checkpoint} --cfg-options '
        f'model.head.{args.setting}={best:g}'
    )


if __name__ == '__main__':
    run_script(main)

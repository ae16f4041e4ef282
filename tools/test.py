"""Evaluate a checkpoint: python tools/test.py CONFIG CHECKPOINT [options]."""

import argparse
import sys
from copy import deepcopy
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mmengine
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults

from mmlt_plugin.datasets.pipelines import find_pipeline, use_pipeline
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts import cli
from mmlt_plugin.scripts.careful_runner import build_runner
from mmlt_plugin.scripts.dataloaders import prepare_dataloaders
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.settings import name_of_type


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file for the results')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        help='content of --out: the metrics (.json, .yaml, .pkl) or, by default, the '
        'predictions (.pkl)',
    )
    parser.add_argument(
        '--amp', action='store_true', help='evaluate in automatic mixed precision'
    )
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument(
        '--show', action='store_true', help='show the pictures in a window'
    )
    parser.add_argument('--interval', type=int, default=1, help='draw every n-th image')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds to show each window'
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation: the config's tta_model and tta_pipeline, or the "
        'mean over an image and its mirror image',
    )
    cli.add_common_arguments(parser)
    args = parser.parse_args()
    if args.out_item and not args.out:
        raise ConfigError('--out-item needs a file to write to: add --out FILE')
    if args.out and args.out_item != 'metrics' and Path(args.out).suffix != '.pkl':
        raise ConfigError(
            f'--out {args.out}: predictions go into a .pkl file, and --out-item metrics '
            'writes the metrics instead'
        )
    return args


def show_predictions(cfg: Config, args: argparse.Namespace) -> None:
    """Enable the visualisation of predictions."""
    if not cfg.get('default_hooks', {}).get('visualization'):
        raise ConfigError(
            '--show and --show-dir need default_hooks.visualization='
            "dict(type='VisualizationHook') in the config"
        )
    cfg.default_hooks.visualization.update(
        enable=True,
        show=args.show,
        wait_time=args.wait_time,
        out_dir=args.show_dir,
        interval=args.interval,
    )


def use_test_time_augmentation(cfg: Config) -> None:
    """Wrap the model to average over augmented copies."""
    if name_of_type(cfg.test_dataloader.dataset) == 'InMemoryDataset':
        raise ConfigError(
            '--tta cannot augment images that are in memory already: test with the config '
            'under configs/ rather than the one that --in-memory wrote'
        )
    pipeline = find_pipeline(cfg.test_dataloader.dataset)
    if 'tta_pipeline' not in cfg:
        flips = [dict(type='RandomFlip', prob=p) for p in (1.0, 0.0)]
        cfg.tta_pipeline = [
            *deepcopy(pipeline[:-1]),
            dict(type='TestTimeAug', transforms=[flips, [pipeline[-1]]]),
        ]
    tta_model = cfg.get('tta_model') or dict(type='mmpretrain.AverageClsScoreTTA')
    cfg.model = ConfigDict(**tta_model, module=cfg.model)
    use_pipeline(cfg.test_dataloader.dataset, cfg.tta_pipeline)


def main() -> None:
    """Evaluate the checkpoint."""
    args = parse_args()
    cfg = cli.load_config(args)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.amp:
        cfg.test_cfg.fp16 = True
    if args.show or args.show_dir:
        show_predictions(cfg, args)
    if args.tta:
        use_test_time_augmentation(cfg)
    prepare_dataloaders(cfg, args, ['test_dataloader'])
    runner = build_runner(cfg)
    if args.out and args.out_item != 'metrics':
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    metrics = runner.test()
    if args.out and args.out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    run_script(main)

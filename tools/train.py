"""Train a model from a config file: python tools/train.py CONFIG [options]."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts import cli
from mmlt_plugin.scripts.careful_runner import build_runner
from mmlt_plugin.scripts.dataloaders import prepare_dataloaders
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.in_memory import use_memory
from mmlt_plugin.scripts.run_log import last_checkpoint


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='resume from this checkpoint or, without a path, from the latest in the '
        'work dir, if there is one',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train in automatic mixed precision; on a CPU in bfloat16',
    )
    parser.add_argument(
        '--amp-dtype',
        choices=['float16', 'bfloat16'],
        help='like --amp, in this precision on a GPU; bfloat16 also enables TensorFloat32',
    )
    parser.add_argument(
        '--in-memory',
        action='store_true',
        help='keep small images in one tensor, and crop and flip whole batches on the '
        'device',
    )
    parser.add_argument(
        '--compile',
        nargs='?',
        const='default',
        choices=['default', 'reduce-overhead', 'max-autotune'],
        help='compile forward pass and loss; reduce-overhead also uses CUDA graphs',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not evaluate during training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the actual batch size over '
        'auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='restart the dataloader workers in every epoch',
    )
    cli.add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Train the model."""
    args = parse_args()
    cfg = cli.load_config(args)
    if cfg.train_cfg.get('by_epoch') and not cfg.train_cfg.get('max_epochs'):
        raise ConfigError(
            'train_cfg.max_epochs is missing: the number of epochs to train'
        )
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp or args.amp_dtype:
        cli.use_mixed_precision(cfg, args.amp_dtype)
    if args.in_memory:
        use_memory(cfg)
    if args.compile:
        cfg.merge_from_dict(
            {'default_hooks.compile': dict(type='CompileHook', mode=args.compile)}
        )
    resume_from = args.resume
    if args.resume == 'auto':
        resume_from = last_checkpoint(cfg.work_dir)
        if resume_from is None:  # a second stage still starts from its load_from
            print(f'nothing to resume in {cfg.work_dir}: the training starts anew')
    if resume_from:
        cfg.resume, cfg.load_from = True, None
    if args.auto_scale_lr:
        if not cfg.get('auto_scale_lr'):
            raise ConfigError(
                '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in the '
                'config: the batch size that its learning rate is for'
            )
        cfg.auto_scale_lr.enable = True
    prepare_dataloaders(
        cfg,
        args,
        ['train_dataloader', 'val_dataloader'],
        persistent_workers=not args.no_persistent_workers,
    )
    runner = build_runner(cfg)
    if resume_from:  # not in the config, which is copied to the work dir
        runner._load_from = str(resume_from)
    runner.train()


if __name__ == '__main__':
    run_script(main)

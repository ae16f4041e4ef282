"""Predict the classes of unlabelled images and write them to a CSV file.

    python tools/predict.py CONFIG CHECKPOINT FOLDER --out predictions.csv [--top 3]
        [--skip-broken]

Every image below FOLDER goes through the config's test pipeline. The class names are those in the
checkpoint.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmlt_plugin.datasets.pipelines import find_pipeline
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
    parser.add_argument('folder', help='folder of images, at any depth')
    parser.add_argument('--out', required=True, help='the CSV file')
    parser.add_argument(
        '--top', type=int, default=1, help='number of classes per image'
    )
    parser.add_argument(
        '--skip-broken', action='store_true', help='leave out files that are no images'
    )
    cli.add_common_arguments(parser)
    return parser.parse_args()


def use_images(cfg: Config, folder: str, checkpoint: str) -> None:
    """Change a config to test the unlabelled images of a folder.

    Args:
        cfg: The config, changed in place.
        folder: The folder.
        checkpoint: File with the class names.

    Raises:
        ConfigError: The config does not read files.
    """
    pipeline = find_pipeline(cfg.test_dataloader.dataset)
    if not any(name_of_type(t).endswith('LoadImageFromFile') for t in pipeline):
        raise ConfigError(
            'test_dataloader.dataset.pipeline reads no image files, its images are in '
            "memory: begin it with dict(type='LoadImageFromFile') and a Resize to the "
            'size that was trained'
        )
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    names = content.get('meta', {}).get('dataset_meta', {}).get('classes')
    cfg.test_dataloader.dataset = dict(
        type='UnlabelledImages',
        data_root=folder,
        metainfo=dict(classes=tuple(names)) if names else None,
        pipeline=pipeline,
    )
    # From a config for training from memory.
    cfg.test_dataloader.pop('collate_fn', None)


def main() -> None:
    """Predict and write the table."""
    args = parse_args()
    if not Path(args.out).resolve().parent.is_dir():
        raise ConfigError(f'--out {args.out}: there is no such folder to write into')
    cfg = cli.load_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    use_images(cfg, args.folder, args.checkpoint)
    cfg.test_dataloader.dataset.skip_broken = args.skip_broken
    cfg.test_evaluator = dict(type='PredictionTable', out_file=args.out, top=args.top)
    cfg.test_cfg = dict()
    prepare_dataloaders(cfg, args, ['test_dataloader'])
    runner = build_runner(cfg)
    runner.test()
    print(f'wrote {args.out}')


if __name__ == '__main__':
    run_script(main)

"""Convert a checkpoint of the papers' code, of mmpretrain or of old mmengine.

    python tools/convert_checkpoint.py CONFIG SOURCE.pth OUT.pth

Prints which tensors were matched, and writes nothing unless all were. The result contains plain
data, without the optimizer.
"""

import argparse
import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from mmpretrain.registry import DATASETS, MODELS

import mmlt_plugin  # noqa: F401 - registers everything
from mmlt_plugin.class_counts import training_class_counts
from mmlt_plugin.class_names import number_of_classes
from mmlt_plugin.engine.atomic_backend import AtomicBackend
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.convert import convert_state_dict
from mmlt_plugin.scripts.entry_point import make_parser, run_script


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('config', help='config of the model')
    parser.add_argument('source', help='checkpoint of the other code base')
    parser.add_argument('out', help='new checkpoint file')
    parser.add_argument(
        '--class-counts',
        action='store_true',
        help="store the training images per class of the config's training dataset, so "
        'that testing needs no training data',
    )
    return parser.parse_args()


def weights_of(checkpoint: dict) -> dict[str, torch.Tensor]:
    """The state dict in a checkpoint, under any of its usual names."""
    for key in ('state_dict', 'model', 'net', 'model_state_dict'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    tensors = {n: t for n, t in checkpoint.items() if isinstance(t, torch.Tensor)}
    if not tensors:
        raise ConfigError(f'the checkpoint has no state dict, only {list(checkpoint)}')
    return tensors


def main() -> None:
    """Convert."""
    args = parse_args()
    if Path(args.out).exists():
        raise ConfigError(f'{args.out} exists: name a new file')
    cfg = Config.fromfile(args.config)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    model = MODELS.build(cfg.model)
    checkpoint = CheckpointLoader.load_checkpoint(args.source, map_location='cpu')
    state, report = convert_state_dict(weights_of(checkpoint), model.state_dict())
    meta = dict(converted_from=str(args.source), cfg=cfg.pretty_text)
    if args.class_counts:
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        counts = training_class_counts(dataset, number_of_classes(model, dataset))
        meta['class_counts'] = counts.tolist()
    content = io.BytesIO()
    torch.save(dict(state_dict=state, meta=meta), content)
    AtomicBackend().put(content.getvalue(), args.out)
    print('\n'.join(report))
    print(f'{len(state)} tensors, {len(report)} renamed, written to {args.out}')


if __name__ == '__main__':
    run_script(main)

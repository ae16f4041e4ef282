"""Make a results file of a finished training.

    python tools/analysis/record.py WORK_DIR [WORK_DIR ...]

Writes results/<method>/<config>_seed<seed>.json: where the run came from, and its shot
metrics at every evaluation.
"""

import argparse
import hashlib
import json
import re
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmlt_plugin import cli
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.run_log import evaluations, read_lines, training_seconds

ROOT = Path(__file__).resolve().parents[2]


#: Overrides that leave the numbers what they are, up to rounding and seeds.
HARMLESS = re.compile(
    r'--amp$|--in-memory$|--compile|randomness\.seed=|load_from=|train_cfg\.val_interval=|'
    r'default_hooks\.(checkpoint|logger)\.|\w+_dataloader\.(num|persistent)_workers='
)


def overrides(command: list[str]) -> list[str]:
    """What the command line changed in the config."""
    return [word for word in command[2:] if re.match(r'[\w.]+=', word)] + [
        word
        for word in command
        if word in ('--amp', '--in-memory', '--auto-scale-lr') or '--compile' in word
    ]


def without_machine(word: str) -> str:
    """A word of a command, its path from this folder on, or without its folders."""
    path = Path(word)
    if not path.is_absolute():
        return word
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def train_command(config: Path, changes: list[str]) -> str:
    """The command that makes such a run, weights and all, on a machine like its own."""
    flags = [change for change in changes if change.startswith('--')]
    options = [change for change in changes if not change.startswith('--')]
    words = ['python', 'tools/train.py', config.as_posix(), *flags]
    return shlex.join([*words, '--cfg-options', *options] if options else words)


def record(work_dir: Path, results: Path) -> Path:
    """Write the results file of a work dir."""
    provenance = work_dir / 'provenance.jsonl'
    if not provenance.exists():
        raise ConfigError(f'{provenance} is missing: the run had no ProvenanceHook')
    starts = [
        dict(start, command=[without_machine(word) for word in start['command']])
        for start in read_lines(provenance)
    ]
    config = Path(starts[-1]['config'])
    changes = overrides(starts[-1]['command'])
    other_settings = [change for change in changes if not HARMLESS.match(change)]
    cfg = Config.fromfile(next(work_dir.glob('*.py')))
    curve = evaluations(work_dir)
    epochs = cfg.train_cfg.max_epochs
    last_checkpoint = (work_dir / 'last_checkpoint').read_text().strip()
    meta = CheckpointLoader.load_checkpoint(last_checkpoint, map_location='cpu')['meta']
    seed = starts[-1]['seed']
    run = dict(
        config=config.as_posix(),
        remake=train_command(config, changes),
        overrides=changes,
        other_settings=other_settings,
        seed=seed,
        complete=curve[-1]['epoch'] == epochs,
        epochs=epochs,
        last=curve[-1],
        best=max(curve, key=lambda evaluation: evaluation['all']),
        class_counts=meta['class_counts'],
        training_seconds=round(training_seconds(work_dir)),
        starts=starts,
        curve=curve,
    )
    name = f'{config.stem}_seed{seed}'
    if other_settings:
        name += (
            f'_{hashlib.sha256(json.dumps(other_settings).encode()).hexdigest()[:8]}'
        )
    out = results / config.parent.name / f'{name}.json'
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(run, indent=1)
    # Numbers in one line, and every evaluation in one.
    text = re.sub(r'\[\s+(\d+(?:,\s+\d+)*)\s+\]', compact, text)
    text = re.sub(r'\{\s+"epoch": \d+,\s+"all[^}]*\}', compact, text)
    out.write_text(text + '\n')
    return out


def compact(match: re.Match) -> str:
    """The matched text in one line."""
    return re.sub(r'\s+', ' ', match[0])


def main() -> None:
    """Record all work dirs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('work_dirs', nargs='+', type=Path)
    parser.add_argument('--results', type=Path, default=ROOT / 'results')
    args = parser.parse_args()
    for work_dir in args.work_dirs:
        print(f'wrote {record(work_dir, args.results)}')


if __name__ == '__main__':
    cli.run(main)

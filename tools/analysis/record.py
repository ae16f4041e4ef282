"""Make a results file from a finished training, or from a test if nothing is trained.

    python tools/analysis/record.py WORK_DIR [WORK_DIR ...]

Writes results/<method>/<config>_seed<seed>.json with the run's provenance and its shot metrics
at every evaluation. If settings differ from the config's, _<hash> is added to the name.
"""

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.run_log import (
    evaluations,
    last_checkpoint,
    read_lines,
    shot_metrics,
    training_seconds,
)
from mmlt_plugin.settings import recipe

ROOT = Path(__file__).resolve().parents[2]


#: Overrides that do not affect results, up to rounding and seeds.
HARMLESS = re.compile(
    r'--amp\b|--in-memory$|--compile|randomness\.seed=|load_from=|train_cfg\.val_interval=|'
    r'default_hooks\.(checkpoint|logger|experts\.checkpoints)\b|'
    r'\w+_dataloader\.(num|persistent)_workers='
)


#: Flags that affect training or testing; the last ones may have a value.
FLAGS = ('--amp', '--in-memory', '--auto-scale-lr', '--tta')
FLAGS_WITH_VALUE = ('--amp-dtype', '--compile')


def overrides(command: list[str]) -> list[str]:
    """The command line's changes to the config."""
    found = [word for word in command[2:] if re.match(r'[\w.]+=', word)]
    for word, following in zip(command, [*command[1:], '-']):
        flag, equals, _ = word.partition('=')
        if word in FLAGS or (flag in FLAGS_WITH_VALUE and equals):
            found.append(word)
        elif word in FLAGS_WITH_VALUE:
            # --compile may be followed by something else, such as an option.
            is_value = re.fullmatch(r'[a-z][a-z0-9-]*', following)
            found.append(f'{word}={following}' if is_value else word)
    return found


def without_machine(word: str) -> str:
    """A word of a command; a path is made relative to the project or loses its folders."""
    option, equals, value = word.rpartition('=')
    path = Path(value)
    if not path.is_absolute():
        return word
    inside = path.is_relative_to(ROOT)
    shown = path.relative_to(ROOT).as_posix() if inside else path.name
    return f'{option}{equals}{shown}'


def read_starts(file: Path) -> list[dict]:
    """The lines of a ProvenanceHook, without the machine's paths."""
    lines = read_lines(file)
    for line in lines:
        line['command'] = [without_machine(word) for word in line['command']]
    return lines


def command_of(
    script: str, positional: list[str], changes: list[str], ranks: int
) -> str:
    """The command that repeats a run on a similar machine."""
    flags = [change for change in changes if change.startswith('--')]
    options = [change for change in changes if not change.startswith('--')]
    words = ['python', script, *positional, *flags]
    if ranks > 1:
        launcher = script.replace('tools/', 'tools/dist_').replace('.py', '.sh')
        words = [launcher, *positional, str(ranks), *flags]
    return shlex.join([*words, '--cfg-options', *options] if options else words)


def origin(
    config: str, starts: list[dict], script: str, positional: Sequence[str] = ()
) -> dict:
    """Config and settings of a run, and the command to repeat it."""
    # A copy of the config, with which a run may resume, has the first start's changes in it.
    commands = [overrides(start['command']) for start in starts]
    changes = list(dict.fromkeys(change for command in commands for change in command))
    return dict(
        config=config,
        remake=command_of(
            script, [config, *positional], changes, starts[-1].get('ranks', 1)
        ),
        overrides=changes,
        other_settings=[change for change in changes if not HARMLESS.match(change)],
    )


def is_copy(config: str, work_dir: Path) -> bool:
    """Whether a config is the copy that a training saves in its work dir."""
    path = Path(config)
    return 'configs' not in path.parts and path.parent.name == work_dir.resolve().name


def share_of_devices(cfg: Config, ranks: int, run: dict) -> None:
    """Judge a run's batch size by the images of a step, over all devices."""
    own = 'train_dataloader.batch_size'
    accumulated = cfg.optim_wrapper.get('accumulative_counts', 1)
    step = ranks * cfg.train_dataloader.batch_size * accumulated
    meant = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if step == meant:
        run['recipe'].pop(own)
        run['other_settings'] = [
            change
            for change in run['other_settings']
            if not change.startswith((own, 'optim_wrapper.accumulative_counts'))
        ]
    elif meant:
        run['other_settings'].append(f'{step} images a step instead of {meant}')


def training(work_dir: Path) -> dict:
    """The record of a training."""
    starts = read_starts(work_dir / 'provenance.jsonl')
    cfg = Config.fromfile(next(work_dir.glob('*.py')))
    curve = evaluations(work_dir)
    epochs = cfg.train_cfg.max_epochs
    saved = last_checkpoint(work_dir)
    if saved is None:
        raise ConfigError(f'{work_dir}/last_checkpoint is missing: nothing was saved')
    checkpoint = CheckpointLoader.load_checkpoint(str(saved), map_location='cpu')
    configs = list(dict.fromkeys(start['config'] for start in starts))
    # Resuming with the copy in the work dir continues the same training.
    configs = [c for c in configs if not is_copy(c, work_dir)] or configs[:1]
    if len(configs) > 1:
        raise ConfigError(
            f'{work_dir} holds trainings of {" and ".join(configs)}, one on top of the '
            'other: give each a work dir of its own'
        )
    run = dict(
        **origin(configs[0], starts, 'tools/train.py'),
        seed=starts[-1]['seed'],
        complete=curve[-1]['epoch'] == epochs,
        epochs=epochs,
        last=curve[-1],
        best=max(curve, key=lambda evaluation: evaluation['all']),
        class_counts=checkpoint['meta']['class_counts'],
        recipe=recipe(cfg.to_dict()),
        training_seconds=round(training_seconds(work_dir)),
        starts=starts,
        curve=curve,
    )
    share_of_devices(cfg, starts[-1].get('ranks', 1), run)
    return run


def test(work_dir: Path) -> dict:
    """The record of the last test in a work dir without a training."""
    start = read_starts(work_dir / 'tests.jsonl')[-1]  # the last test counts
    checkpoint, metrics = start.pop('checkpoint'), start.pop('metrics')
    checkpoint['file'] = without_machine(checkpoint['file'])
    found = shot_metrics(metrics)
    if not found:
        raise ConfigError(f'{work_dir} has no evaluation with ShotSplitMetric')
    if checkpoint['seed'] is None:
        raise ConfigError(
            f'{work_dir}: {checkpoint["file"]} does not say its seed, so it was not trained '
            'here, and its test is no result'
        )
    only = dict(epoch=checkpoint['epoch'], **found)
    cfg = Config.fromfile(ROOT / start['config'])
    epochs = (cfg.get('train_cfg') or {}).get('max_epochs', checkpoint['epoch'])
    return dict(
        **origin(start['config'], [start], 'tools/test.py', [checkpoint['file']]),
        seed=checkpoint['seed'],
        complete=checkpoint['epoch'] == epochs,
        epochs=0,
        last=only,
        best=only,
        class_counts=checkpoint.pop('class_counts'),
        training_seconds=0,
        checkpoint=checkpoint,
        starts=[start],
        curve=[only],
    )


def record(work_dir: Path, results: Path) -> Path:
    """Write the results file of a work dir."""
    if (work_dir / 'provenance.jsonl').exists():
        run = training(work_dir)
    elif (work_dir / 'tests.jsonl').exists():
        run = test(work_dir)
    else:
        raise ConfigError(
            f'{work_dir}/provenance.jsonl is missing: the run had no ProvenanceHook'
        )
    config, other_settings = Path(run['config']), run['other_settings']
    name = f'{config.stem}_seed{run["seed"]}'
    if other_settings:
        name += (
            f'_{hashlib.sha256(json.dumps(other_settings).encode()).hexdigest()[:8]}'
        )
    out = results / config.parent.name / f'{name}.json'
    refuse_another_training(out, run)
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(run, indent=1)
    # Every list of numbers on one line, and every evaluation too.
    text = re.sub(r'\[\s+(\d+(?:,\s+\d+)*)\s+\]', compact, text)
    text = re.sub(r'\{\s+"epoch": \d+,\s+"all[^}]*\}', compact, text)
    out.write_text(text + '\n')
    return out


def refuse_another_training(file: Path, run: dict) -> None:
    """Refuse to overwrite another training's results of the same config and seed."""
    if not file.exists():
        return
    there = json.loads(file.read_text())
    then, now = (r['starts'][0]['time'] for r in (there, run))
    if then != now and (there['epochs'] or run['epochs']):  # a test may be repeated
        raise ConfigError(
            f'{file} is of the training that began at {then}: remove it first if the one '
            f'that began at {now} is to take its place'
        )


def compact(match: re.Match) -> str:
    """The matched text in one line."""
    return re.sub(r'\s+', ' ', match[0])


def main() -> None:
    """Record all work dirs of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument('work_dirs', nargs='+', type=Path)
    parser.add_argument('--results', type=Path, default=ROOT / 'results')
    args = parser.parse_args()
    for work_dir in args.work_dirs:
        print(f'wrote {record(work_dir, args.results)}')


if __name__ == '__main__':
    run_script(main)

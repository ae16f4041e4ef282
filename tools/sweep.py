"""Train many configs with several seeds, some at a time.

    python tools/sweep.py CONFIG [CONFIG ...] --seeds 0 1 2 --at-once 4 [-- TRAIN_ARGS]

Work dirs are work_dirs/sweep/<method>/<config>_seed<seed>. After an interruption the same command
continues: finished trainings are skipped, others resume from their last checkpoint. A failed
training does not stop the rest.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.sweep import Job, run_jobs, split_arguments


def make_jobs(
    configs: list[str], seeds: list[int], root: Path, train_args: list[str]
) -> list[Job]:
    """One training for every config and seed."""
    return [
        Job(
            config,
            str(root / folder_of(config) / f'{Path(config).stem}_seed{seed}'),
            [*train_args, '--cfg-options', f'randomness.seed={seed}'],
        )
        for seed in seeds  # a first result of every config comes first
        for config in configs
    ]


def folder_of(config: str) -> str:
    """Name of the folder in which a config lies, also for ``my.py`` and ``../my.py``."""
    return Path(config).resolve().parent.name


def main() -> None:
    """Run the sweep."""
    arguments, train_args = split_arguments(sys.argv[1:])
    parser = make_parser(__doc__)
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--at-once', type=int, default=1, help='trainings at a time')
    parser.add_argument('--threads', type=int, help='CPU threads of each training')
    parser.add_argument('--work-dirs', type=Path, default=Path('work_dirs/sweep'))
    args = parser.parse_args(arguments)
    if args.at_once < 1:
        raise ConfigError(f'--at-once {args.at_once} must be at least 1')
    for config in args.configs:
        if not Path(config).is_file():
            raise ConfigError(f'{config}: there is no such config')
    jobs = make_jobs(args.configs, args.seeds, args.work_dirs, train_args)
    if len({job.work_dir for job in jobs}) < len(jobs):
        raise ConfigError('two trainings have the same work dir: name each config once')
    failed = run_jobs(jobs, args.at_once, args.threads)
    if failed:
        raise ConfigError(
            f'{len(failed)} of {len(jobs)} trainings failed: '
            + ', '.join(job.work_dir for job in failed)
        )


if __name__ == '__main__':
    run_script(main)

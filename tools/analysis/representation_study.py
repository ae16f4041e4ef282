"""BBN's Section 3: which re-balancing is best for features, which for the classifier?

    python tools/analysis/representation_study.py WORK_DIR [--data cifar10] [-- TRAIN_ARGS]

Trains features in three ways and BBN, then classifiers in three ways on each of the frozen
features (in one way on BBN's branches, Table 5), and writes study_<data>.md, .png and .svg.
If interrupted, the same command continues.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pictures import plt, save

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.run_log import evaluations, last_checkpoint
from mmlt_plugin.scripts.sweep import Job, run_jobs, split_arguments

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
WAYS = ('ce', 'rw', 'rs')
FEATURES = dict(
    ce='ce/resnet32_cifar100-lt-if50_ldam-recipe.py',
    rw='reweighting/resnet32_cifar100-lt-if50.py',
    rs='resampling/resnet32_cifar100-lt-if50.py',
    bbn='bbn/resnet32_cifar100-lt-if50.py',
)
BRANCHES = dict(cb='BBN-CB', rb='BBN-RB')


def feature_jobs(root: Path, options: list[str]) -> dict[str, Job]:
    """The first stages."""
    return {
        way: Job(str(CONFIGS / config), str(root / f'features-{way}'), options)
        for way, config in FEATURES.items()
    }


def classifier_jobs(
    root: Path, data: str, features: dict[str, Job], options: list[str]
) -> dict[tuple[str, str], Job]:
    """The second stages, by features and classifier."""
    folder = CONFIGS / 'bbn_study'
    jobs = {}
    for feature in WAYS:
        for way in WAYS:
            config = folder / f'resnet32_{data}-lt-if50_classifier-{way}.py'
            jobs[feature, way] = (config, features[feature])
    if data == 'cifar100':  # Table 5
        for branch, name in BRANCHES.items():
            config = folder / f'resnet32_{data}-lt-if50_bbn-{branch}.py'
            jobs[name, 'ce'] = (config, features['bbn'])
    return {
        (feature, way): Job(
            str(config),
            str(root / f'{data}-features-{feature}-classifier-{way}'),
            [
                *options,
                '--cfg-options',
                f'load_from={last_checkpoint(Path(first.work_dir))}',
            ],
        )
        for (feature, way), (config, first) in jobs.items()
    }


def write(root: Path, data: str, cells: dict[tuple[str, str], float]) -> None:
    """Write the matrix as a table and as a heat map of error rates."""
    rows = [
        '| features | ' + ' | '.join(f'classifier {w.upper()}' for w in WAYS) + ' |'
    ]
    rows.append('|---' * (len(WAYS) + 1) + '|')
    for feature in dict.fromkeys(feature for feature, _ in cells):
        errors = [cells.get((feature, way)) for way in WAYS]
        texts = [f'{100 - e:.2f}' if e is not None else '' for e in errors]
        rows.append(f'| {feature.upper()} | ' + ' | '.join(texts) + ' |')
    name = f'study_{data}'
    (root / f'{name}.md').write_text(
        f'Error rates in percent on {data}, imbalance ratio 50.\n\n'
        + '\n'.join(rows)
        + '\n'
    )
    matrix = [[100 - cells[feature, way] for feature in WAYS] for way in WAYS]
    figure, axes = plt.subplots(figsize=(4, 3.4), layout='constrained')
    image = axes.imshow(matrix, cmap='viridis_r')
    for i, row in enumerate(matrix):
        for j, error in enumerate(row):
            axes.text(j, i, f'{error:.1f}', ha='center', va='center', color='white')
    axes.set_xticks(range(3), [w.upper() for w in WAYS])
    axes.set_yticks(range(3), [w.upper() for w in WAYS])
    axes.set(xlabel='features learnt by', ylabel='classifier learnt by')
    figure.colorbar(image, label='error in %')
    save(figure, str(root / f'{name}.png'))


def main() -> None:
    """Run the study."""
    arguments, options = split_arguments(sys.argv[1:])
    parser = make_parser(__doc__)
    parser.add_argument(
        'work_dir', type=Path, help='folder for all trainings and results'
    )
    parser.add_argument('--data', choices=['cifar100', 'cifar10'], default='cifar100')
    parser.add_argument('--at-once', type=int, default=1, help='trainings at a time')
    parser.add_argument('--threads', type=int, help='CPU threads of each training')
    args = parser.parse_args(arguments)
    if re.search(r'[\s,()\[\]]', str(args.work_dir)):
        raise ConfigError(
            f'{args.work_dir}: --cfg-options cannot pass a path with white space, commas or '
            'brackets to the second stages: choose another folder'
        )
    features = feature_jobs(args.work_dir, options)
    if args.data == 'cifar10':
        del features['bbn']
    failed = run_jobs(features.values(), args.at_once, args.threads)
    if not failed:
        jobs = classifier_jobs(args.work_dir, args.data, features, options)
        failed = run_jobs(jobs.values(), args.at_once, args.threads)
    if failed:
        raise ConfigError(
            'trainings failed: ' + ', '.join(job.work_dir for job in failed)
        )
    cells = {
        key: evaluations(Path(job.work_dir))[-1]['all'] for key, job in jobs.items()
    }
    write(args.work_dir, args.data, cells)
    print((args.work_dir / f'study_{args.data}.md').read_text())


if __name__ == '__main__':
    run_script(main)

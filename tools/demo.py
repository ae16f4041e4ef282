"""A small demonstration: CE against ResLT on long-tailed handwritten digits.

    python tools/demo.py [--out outputs/demo] [--seeds 3]

Trains both with tools/train.py from their config files, two runs at a time, tests them with
tools/test.py, prints the accuracy on many-, medium- and few-shot classes and draws that on every
class. The rarest class has four images, so results vary: the figures are means over the seeds.
Takes two to three minutes on two CPU cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
METHODS = dict(CE='ce', ResLT='reslt')
COLUMNS = dict(
    all='all classes', many='many-shot', medium='medium-shot', few='few-shot'
)


def call(name: str, script: str, *arguments: str) -> None:
    """Run a script of tools/ and print its output, each line with the run's name."""
    command = [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / script), *arguments]
    # One thread: such small networks gain nothing from more, and results are then the
    # same whatever the number of cores.
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            print(f'{name} | {line}', end='', flush=True)
    if process.returncode:
        sys.exit(f'error: {name}: {script} ended with exit code {process.returncode}')


def train_and_test(method: str, seed: int, out: Path) -> tuple[Path, Path]:
    """Train and test one run; returns its checkpoint and the file of its metrics."""
    name = f'{method} seed {seed}'
    config = f'configs/{METHODS[method]}/resnet20_digits-lt-if32.py'
    work_dir = out / f'{METHODS[method]}_seed{seed}'
    metrics = work_dir / 'metrics.json'
    options = ['--work-dir', str(work_dir), '--cfg-options', f'randomness.seed={seed}']
    call(name, 'train.py', config, *options)
    checkpoint = Path((work_dir / 'last_checkpoint').read_text())
    call(
        *(name, 'test.py', config, str(checkpoint), '--out', str(metrics)),
        *('--out-item', 'metrics', *options, 'test_evaluator.per_class=True'),
    )
    return checkpoint, metrics


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', default='outputs/demo', help='folder for the results')
    parser.add_argument('--seeds', type=int, default=3, help='runs of each method')
    args = parser.parse_args()
    out = Path(args.out).resolve()
    start = time.perf_counter()
    runs = [(method, seed) for seed, method in product(range(args.seeds), METHODS)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = list(pool.map(lambda run: train_and_test(run[0], run[1], out), runs))
    picture = out / 'per_class.png'
    files = [f'{method}={metrics}' for (method, _), (_, metrics) in zip(runs, done)]
    call(
        'picture',
        *('analysis/plot_per_class.py', str(done[0][0]), str(picture), *files),
    )
    table = Table(
        title='Top-1 accuracy in percent on digits,\n128 to 4 training images a class,\n'
        f'mean and sample standard deviation over {args.seeds} seeds'
    )
    table.add_column('method')
    for column in COLUMNS.values():
        table.add_column(column, justify='right')
    for method in METHODS:
        found = [
            json.loads(metrics.read_text())
            for (name, _), (_, metrics) in zip(runs, done)
            if name == method
        ]
        cells = []
        for key in COLUMNS:
            values = [metrics[f'shot/{key}'] for metrics in found]
            spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
            cells.append(f'{statistics.mean(values):.1f}{spread}')
        table.add_row(method, *cells)
    Console(width=100).print(table)
    print(f'{time.perf_counter() - start:.0f} s; the picture is {picture}')


if __name__ == '__main__':
    main()

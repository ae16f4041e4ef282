"""The main job in small: CE against ResLT on long-tailed handwritten digits.

    python tools/demo.py [--out outputs/demo] [--seed 0]

Trains both with tools/train.py from their config files, tests both with tools/test.py,
prints the accuracies of many-, medium- and few-shot classes and draws those of every
class. Takes about a minute on two CPU cores.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
METHODS = dict(CE='ce', ResLT='reslt')
COLUMNS = dict(
    all='all classes', many='many-shot', medium='medium-shot', few='few-shot'
)


def call(script: str, *arguments: str) -> None:
    """Run a script of tools/; its failure ends the demo with its exit code."""
    command = [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / script), *arguments]
    done = subprocess.run(command, cwd=ROOT)
    if done.returncode:
        sys.exit(done.returncode)


def train_and_test(method: str, out: Path, seed: int) -> tuple[Path, Path]:
    """Train one method; returns its checkpoint and the file of its test metrics."""
    config = f'configs/{METHODS[method]}/resnet20_digits-lt-if32.py'
    work_dir = out / METHODS[method]
    metrics = work_dir / 'metrics.json'
    options = ['--work-dir', str(work_dir), '--cfg-options', f'randomness.seed={seed}']
    call('train.py', config, *options)
    checkpoint = Path((work_dir / 'last_checkpoint').read_text())
    call(
        *('test.py', config, str(checkpoint), '--out', str(metrics)),
        *('--out-item', 'metrics', *options, 'test_evaluator.per_class=True'),
    )
    return checkpoint, metrics


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--out', default='outputs/demo', help='folder for what it makes'
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of both trainings')
    args = parser.parse_args()
    out = Path(args.out).resolve()
    start = time.perf_counter()
    results = {method: train_and_test(method, out, args.seed) for method in METHODS}
    picture = out / 'per_class.png'
    call(
        *('analysis/plot_per_class.py', str(results['CE'][0]), str(picture)),
        *(f'{method}={metrics}' for method, (_, metrics) in results.items()),
    )
    table = Table(
        title='Top-1 accuracy on long-tailed digits, 128 to 4 training images, %'
    )
    table.add_column('method')
    for column in COLUMNS.values():
        table.add_column(column, justify='right')
    for method, (_, metrics_file) in results.items():
        metrics = json.loads(metrics_file.read_text())
        table.add_row(method, *[f'{metrics[f"shot/{key}"]:.1f}' for key in COLUMNS])
    Console(width=100).print(table)
    print(f'{time.perf_counter() - start:.0f} s; the picture is {picture}')


if __name__ == '__main__':
    main()

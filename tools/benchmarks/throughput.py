"""Images per second of whole trainings, and where the time goes.

    python tools/benchmarks/throughput.py [CONFIG ...] [--amp] [--compile MODE] [--rounds 3]

Side by side, on the config's real data:

- bare loop: the baseline, the same model and optimizer on one prepared batch;
- stock: mmengine's Runner and mmpretrain's data path, with only those of our hooks that the
  method needs;
- ours: the Runner with all our hooks;
- ours from memory: the same with --in-memory.

--amp applies configs/_base_/cpu_bf16.py or, on a GPU, gpu_bf16.py. With --compile MODE the bare
loop and ours from memory also run compiled. --heads adds ResLT against a linear head on
ResNeXt-50 with random images. Nothing is evaluated or saved. All variants alternate, so that
changes of the machine's speed affect all; the fastest round of each counts. Prints a table and
writes a JSON file.
"""

import argparse
import contextlib
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import mmengine
import mmpretrain
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS
from step_time import compare
from stopwatch import Stopwatch, peak_memory

from mmlt_plugin.scripts import cli
from mmlt_plugin.scripts.careful_runner import build_runner
from mmlt_plugin.scripts.entry_point import make_parser, run_script
from mmlt_plugin.scripts.in_memory import use_memory

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [f'configs/{m}/resnet32_cifar100-lt-if100.py' for m in ('ce', 'reslt', 'bbn')]
HEADS = [f'configs/{m}/resnext50_imagenet-lt.py' for m in ('ce', 'reslt')]
COLUMNS = ('data', 'forward', 'backward', 'optimizer', 'bookkeeping')
#: Hooks that mmpretrain does not have.
OURS = (
    'provenance',
    'exact_resume',
    'finite_loss',
    'work_dir_lock',
    'non_blocking_input',
    'checkpoint_match',
)
#: Hooks that change how a step is computed.
COMPUTING = (
    'ClassCountsHook',
    'ChannelsLastHook',
    'AllocatorHook',
    'CompileHook',
    'MatmulPrecisionHook',
)


class Enough(Exception):
    """Raised when all iterations have been measured."""


@HOOKS.register_module()
class StopwatchHook(Hook):
    """Measures iterations after a warm-up, then ends the training."""

    priority = 'LOWEST'

    def __init__(self, iterations: int, warm_up: int) -> None:
        self.iterations = iterations
        self.warm_up = warm_up
        self.watch = Stopwatch()
        self.loading = contextlib.ExitStack()

    def before_train(self, runner: Runner) -> None:
        """Attribute the parts of an iteration to phases."""
        watch_step(self.watch, runner)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Note that the data have arrived."""
        self.loading.close()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Start the clock, or end the training."""
        if runner.iter == self.warm_up - 1:
            self.watch.start()
        if runner.iter == self.warm_up - 1 + self.iterations:
            self.watch.stop()
            raise Enough
        self.loading.enter_context(self.watch.phase('data'))


def watch_step(watch: Stopwatch, runner: Runner) -> None:
    """Time the parts of a runner's training step."""
    watch.wrap(runner.model.data_preprocessor, 'forward', 'data')
    watch.wrap(runner.model, '_run_forward', 'forward')
    watch.wrap(runner.optim_wrapper, 'backward', 'backward')
    watch.wrap(runner.optim_wrapper, 'step', 'optimizer')
    watch.wrap(runner.optim_wrapper, 'zero_grad', 'optimizer')


def make_runner(config: str, way: str, args: argparse.Namespace) -> Runner:
    """A runner that measures and leaves no files behind."""
    cfg = Config.fromfile(ROOT / config)
    if args.amp:
        cli.use_mixed_precision(cfg, 'bfloat16')
    if 'memory' in way or 'bare' in way:
        use_memory(cfg)
    else:
        cfg.train_dataloader.update(
            persistent_workers=cfg.train_dataloader.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=dict(type='default_collate'),
        )
    if 'compiled' in way:
        cfg.default_hooks.compile = dict(type='CompileHook', mode=args.compile)
    if way == 'stock':
        cfg.default_hooks.runtime_info.type = 'RuntimeInfoHook'
        for name in OURS:
            cfg.default_hooks.pop(name, None)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.default_hooks.checkpoint = None
    watch = dict(iterations=args.iterations, warm_up=args.warm_up)
    cfg.custom_hooks = [dict(type='StopwatchHook', **watch)]
    cfg.work_dir = tempfile.mkdtemp()
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.experiment_name = f'throughput-{time.time_ns()}'
    return build_runner(cfg)


def by_runner(config: str, way: str, args: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the Runner's iteration and its parts."""
    runner = make_runner(config, way, args)
    with contextlib.suppress(Enough):
        runner.train()
    watch = next(hook for hook in runner.hooks if isinstance(hook, StopwatchHook)).watch
    return watch.report(args.iterations)


def bare_loop(config: str, way: str, args: argparse.Namespace) -> dict[str, float]:
    """The same for a bare loop over one prepared batch."""
    runner = make_runner(config, way, args)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    for hook in runner.hooks:
        if type(hook).__name__ in COMPUTING:
            hook.before_run(runner)
            hook.before_train(runner)
    model: Any = runner.model.train()
    for module in model.modules():
        if hasattr(module, 'set_alpha'):
            module.set_alpha(0.5)
    batch = model.data_preprocessor(next(iter(runner.train_dataloader)), training=True)
    optimizer: Any = runner.optim_wrapper.optimizer
    watch = Stopwatch()
    for iteration in range(args.warm_up + args.iterations):
        if iteration == args.warm_up:
            watch.start()
        with watch.phase('forward'), runner.optim_wrapper.optim_context(model):
            losses = model(**batch, mode='loss')
            loss = sum(v for k, v in losses.items() if 'loss' in k)
        with watch.phase('backward'):
            loss.backward()
        with watch.phase('optimizer'):
            optimizer.step()
            optimizer.zero_grad()
    watch.stop()
    return watch.report(args.iterations)


def measure(config: str, args: argparse.Namespace) -> dict[str, dict]:
    """The fastest round of every variant."""
    ways = ['bare loop', 'stock', 'ours', 'ours from memory']
    if args.compile:
        ways += ['bare loop, compiled', 'ours from memory, compiled']
    rounds: list[dict[str, dict]] = []
    for _ in range(args.rounds):
        rounds.append({})
        for way in ways:
            report: dict[str, float] = {}
            with peak_memory(report):
                report.update(
                    (bare_loop if 'bare' in way else by_runner)(config, way, args)
                )
            rounds[-1][way] = report
    return {way: min((r[way] for r in rounds), key=lambda m: m['ms']) for way in ways}


def main() -> None:
    """Measure, print, write."""
    parser = make_parser(__doc__)
    parser.add_argument('configs', nargs='*', default=CONFIGS)
    parser.add_argument('--iterations', type=int, default=60)
    parser.add_argument('--warm-up', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--amp', action='store_true', help='bfloat16, channels last')
    parser.add_argument(
        '--compile', choices=['default', 'reduce-overhead', 'max-autotune']
    )
    parser.add_argument(
        '--heads', action='store_true', help='also compare heads on ResNeXt-50'
    )
    parser.add_argument('--heads-batch-size', type=int, default=64)
    parser.add_argument('--out', type=Path, help='JSON file for the results')
    args = parser.parse_args()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    report: dict[str, Any] = dict(
        device=f'{device}, {platform.machine()}, {torch.get_num_threads()} threads',
        versions=dict(
            torch=torch.__version__,
            mmengine=mmengine.__version__,
            mmpretrain=mmpretrain.__version__,
            python=platform.python_version(),
        ),
        command=' '.join(sys.argv),
        results={},
    )
    versions = ', '.join(f'{k} {v}' for k, v in report['versions'].items())
    print(f'{report["device"]}; {versions}\n')
    print(
        '| config | way | images/s | of the bare loop | ms an iteration | '
        + ' | '.join(COLUMNS)
        + ' | peak MiB |\n'
        + '|---' * (6 + len(COLUMNS))
        + '|'
    )
    for config in args.configs:
        batch_size = Config.fromfile(ROOT / config).train_dataloader.batch_size
        found = report['results'][config] = measure(config, args)
        floor = found['bare loop']['ms']
        for way, result in found.items():
            result['images_per_second'] = 1000 * batch_size / result['ms']
            result['of_bare_loop'] = floor / result['ms']
            parts = ' | '.join(f'{result[f"{name}_ms"]:.2f}' for name in COLUMNS)
            print(
                f'| {Path(config).parent.name} | {way} | '
                f'{result["images_per_second"]:.0f} | {result["of_bare_loop"]:.2f} | '
                f'{result["ms"]:.2f} | {parts} | {result.get("peak_mib", 0):.0f} |',
                flush=True,
            )
    if args.heads:
        heads = [str(ROOT / config) for config in HEADS]
        medians, ratio, quartiles = compare(heads, args.heads_batch_size, 224, args.amp)
        report['heads'] = dict(ms=medians, ratio=ratio, quartiles=quartiles)
        print(
            f'\nResNeXt-50, {args.heads_batch_size} random images at 224 pixels: linear '
            f'head {medians[0]:.1f} ms a step, ResLT {medians[1]:.1f} ms, ratio '
            f'{ratio:.3f} (quartiles {quartiles[0]:.3f} to {quartiles[1]:.3f})'
        )
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    run_script(main)

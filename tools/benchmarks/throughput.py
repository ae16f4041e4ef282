"""Images a second of whole trainings: bare loop, stock path, from memory.

    python tools/benchmarks/throughput.py [CONFIG ...] [--iterations 60] [--rounds 3] [--amp]

The bare loop is the floor: the same model and optimizer on a batch that is on the device
already. The others are mmengine's Runner with our hooks, on the config's real data,
without evaluation and checkpoints. The ways alternate, so that a change of the machine's
speed meets all; the fastest round of each counts. Prints a table and writes a JSON file.
"""

import argparse
import contextlib
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from mmlt_plugin import cli
from mmlt_plugin.in_memory import use_memory

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [f'configs/{m}/resnet32_cifar100-lt-if100.py' for m in ('ce', 'reslt', 'bbn')]
WARM_UP = 10


class Enough(Exception):
    """The measurement has all its iterations."""


@HOOKS.register_module()
class StopwatchHook(Hook):
    """Time iterations, from the end of the warm-up on, then end the training."""

    priority = 'LOWEST'

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations
        self.data_seconds = 0.0

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Note when the data had arrived."""
        if runner.iter >= WARM_UP:
            self.data_seconds += time.perf_counter() - self.last

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Start the clock, or end the training."""
        if runner.iter == WARM_UP - 1:
            self.start = synchronized_time()
        if runner.iter == WARM_UP - 1 + self.iterations:
            self.seconds = synchronized_time() - self.start
            raise Enough
        self.last = time.perf_counter()


def synchronized_time() -> float:
    """The time when the device has done all it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def make_runner(config: str, in_memory: bool, amp: bool, iterations: int) -> Runner:
    """A runner that measures and writes nothing that stays."""
    cfg = Config.fromfile(ROOT / config)
    if amp:
        fragment = ROOT / 'configs/_base_/cpu_bf16.py'
        cfg.merge_from_dict(Config.fromfile(fragment).to_dict())
    if in_memory:
        use_memory(cfg)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    if not in_memory:
        cfg.train_dataloader.update(
            persistent_workers=cfg.train_dataloader.num_workers > 0,
            collate_fn=dict(type='default_collate'),
        )
    cfg.default_hooks.checkpoint = None
    cfg.custom_hooks = [dict(type='StopwatchHook', iterations=iterations)]
    cfg.work_dir = tempfile.mkdtemp()
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.experiment_name = f'throughput-{time.time_ns()}'
    return cli.build_runner(cfg)


def by_runner(config: str, in_memory: bool, amp: bool, iterations: int) -> dict:
    """Milliseconds an iteration of the Runner, and how many of them are data."""
    runner = make_runner(config, in_memory, amp, iterations)
    with contextlib.suppress(Enough):
        runner.train()
    watch = next(hook for hook in runner.hooks if isinstance(hook, StopwatchHook))
    return dict(
        ms=1000 * watch.seconds / iterations,
        data_ms=1000 * watch.data_seconds / iterations,
    )


def bare_loop(config: str, amp: bool, iterations: int) -> dict:
    """Milliseconds an iteration of a loop over one batch that is prepared already."""
    runner = make_runner(config, True, amp, iterations)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    for hook in runner.hooks:
        if type(hook).__name__ in (
            'ClassCountsHook',
            'ChannelsLastHook',
            'AllocatorHook',
        ):
            hook.before_run(runner)
            hook.before_train(runner)
    model = runner.model.train()
    for module in model.modules():
        if hasattr(module, 'set_alpha'):
            module.set_alpha(0.5)
    batch = model.data_preprocessor(next(iter(runner.train_dataloader)), training=True)
    optimizer = runner.optim_wrapper.optimizer

    def step() -> None:
        optimizer.zero_grad()
        with runner.optim_wrapper.optim_context(model):
            losses = model(**batch, mode='loss')
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        optimizer.step()

    for _ in range(WARM_UP):
        step()
    start = synchronized_time()
    for _ in range(iterations):
        step()
    return dict(ms=1000 * (synchronized_time() - start) / iterations, data_ms=0.0)


def measure(config: str, args: argparse.Namespace) -> dict[str, dict]:
    """The fastest round of every way."""
    ways: dict[str, Callable[[], dict]] = {
        'bare loop': lambda: bare_loop(config, args.amp, args.iterations),
        'stock path': lambda: by_runner(config, False, args.amp, args.iterations),
        'from memory': lambda: by_runner(config, True, args.amp, args.iterations),
    }
    rounds = [{way: run() for way, run in ways.items()} for _ in range(args.rounds)]
    return {way: min((r[way] for r in rounds), key=lambda m: m['ms']) for way in ways}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('configs', nargs='*', default=CONFIGS)
    parser.add_argument(
        '--iterations', type=int, default=60, help='fewer than an epoch'
    )
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--amp', action='store_true', help='bfloat16, channels last')
    parser.add_argument('--out', type=Path, help='JSON file for the results')
    args = parser.parse_args()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
    report: dict[str, Any] = dict(
        device=f'{device}, {platform.machine()}, {torch.get_num_threads()} threads',
        torch=torch.__version__,
        amp=args.amp,
        iterations=args.iterations,
        results={},
    )
    print(f'{report["device"]}, torch {torch.__version__}, {get_device()}')
    print('| config | way | images/s | ms an iteration | data ms | of the bare loop |')
    print('|---|---|---|---|---|---|')
    for config in args.configs:
        batch_size = Config.fromfile(ROOT / config).train_dataloader.batch_size
        found = report['results'][config] = measure(config, args)
        floor = found['bare loop']['ms']
        for way, result in found.items():
            result['images_per_second'] = 1000 * batch_size / result['ms']
            print(
                f'| {Path(config).parent.name} | {way} | '
                f'{result["images_per_second"]:.0f} | {result["ms"]:.1f} | '
                f'{result["data_ms"]:.2f} | {floor / result["ms"]:.2f} |',
                flush=True,
            )
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
    cli.run(main)

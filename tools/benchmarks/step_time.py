"""Compare the training steps of two configs' models on this machine.

    python tools/benchmarks/step_time.py CONFIG OTHER_CONFIG [--batch-size 64] [--size 224]

Steps of both models (forward, backward, update, on random images on the device) alternate, so that
changes of the machine's speed affect both. Prints the median of each in milliseconds, and their
ratio.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from mmlt_plugin.scripts.entry_point import make_parser, run_script


def make_step(
    config: str, batch_size: int, size: int, bf16: bool
) -> Callable[[], None]:
    """A function that makes one training step of the config's model."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    device = get_device()
    model = MODELS.build(cfg.model).to(device).train()
    num_classes = model.head.num_classes
    for module in model.modules():
        if hasattr(module, 'set_class_counts'):
            module.set_class_counts(np.arange(num_classes, 0, -1))
            module.to(device)
        if hasattr(module, 'set_alpha'):
            module.set_alpha(0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    images = torch.randn(batch_size, 3, size, size, device=device)
    samples = [
        DataSample().set_gt_label(i % num_classes).to(device) for i in range(batch_size)
    ]

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            losses = model(images, samples, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        optimizer.step()
        if device == 'cuda':
            torch.cuda.synchronize()

    return step


def compare(
    configs: list[str], batch_size: int, size: int, bf16: bool, steps: int = 20
) -> tuple[list[float], float, list[float]]:
    """Alternate the steps of two configs' models.

    Returns:
        tuple: Median milliseconds of each; the median ratio of the second to the first;
        its quartiles.
    """
    both = [make_step(config, batch_size, size, bf16) for config in configs]
    seconds: list[list[float]] = [[], []]
    for i in range(steps + 3):
        for step, measured in zip(both, seconds):
            start = time.perf_counter()
            step()
            if i >= 3:  # the first ones warm up
                measured.append(time.perf_counter() - start)
    ratios = [b / a for a, b in zip(*seconds)]
    quartiles = [float(np.quantile(ratios, q)) for q in (0.25, 0.75)]
    medians = [1000 * statistics.median(measured) for measured in seconds]
    return medians, statistics.median(ratios), quartiles


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument('configs', nargs=2, metavar='CONFIG')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--size', type=int, default=224, help='image size in pixels')
    parser.add_argument(
        '--steps', type=int, default=20, help='number of steps to measure for each'
    )
    parser.add_argument('--bf16', action='store_true', help='autocast to bfloat16')
    args = parser.parse_args()
    medians, ratio, quartiles = compare(
        args.configs, args.batch_size, args.size, args.bf16, args.steps
    )
    for config, median in zip(args.configs, medians):
        print(f'{median:9.1f} ms a step  {config}')
    print(
        f'ratio {ratio:.3f} (quartiles {quartiles[0]:.3f} to {quartiles[1]:.3f}), '
        f'{get_device()}, torch {torch.__version__}, {torch.get_num_threads()} threads'
    )


if __name__ == '__main__':
    run_script(main)

"""Measures time and memory of a training."""

from __future__ import annotations

import ctypes
import functools
import gc
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

Mark = Any  # a CUDA event, or seconds of the host's clock


def mark() -> Mark:
    """A mark in the device's queue of work, or on the host's clock."""
    if not torch.cuda.is_available():
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def milliseconds(start: Mark, end: Mark) -> float:
    """Time between two marks that the device has reached."""
    if isinstance(start, float):
        return 1000 * (end - start)
    return start.elapsed_time(end)


class Stopwatch:
    """Measures an iteration and its phases.

    On a GPU a phase lasts from when the device could begin it until it has finished, including
    waiting for the host.
    """

    def __init__(self) -> None:
        self.phases: list[tuple[str, Mark, Mark]] = []
        self.first: Mark = None
        self.last: Mark = None
        self.running = False

    def start(self) -> None:
        """Start measuring."""
        self.running = True
        self.first = mark()

    def stop(self) -> None:
        """Stop measuring."""
        self.running = False
        self.last = mark()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Attribute the context's time to a phase."""
        start = mark() if self.running else None
        yield
        if start is not None:
            self.phases.append((name, start, mark()))

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """Attribute an object's method to a phase."""
        inner = getattr(owner, method)

        @functools.wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return inner(*args, **kwargs)

        setattr(owner, method, timed)

    def report(self, iterations: int) -> dict[str, float]:
        """Milliseconds of an iteration and of its phases; the rest is bookkeeping."""
        total = milliseconds(self.first, self.last) / iterations
        report = dict(ms=total)
        for phase in ('data', 'forward', 'backward', 'optimizer'):
            spent = (milliseconds(a, b) for name, a, b in self.phases if name == phase)
            report[f'{phase}_ms'] = sum(spent) / iterations
        report['bookkeeping_ms'] = 2 * total - sum(report.values())
        return report


@contextmanager
def peak_memory(report: dict[str, float]) -> Iterator[None]:
    """Add the peak memory in MiB to a report, of the GPU or of this process."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        yield
        report['peak_mib'] = (torch.cuda.max_memory_allocated() - before) / 2**20
        return
    if platform.libc_ver()[0] == 'glibc':
        ctypes.CDLL(None).malloc_trim(0)
    resettable = _reset_resident_peak()
    yield
    if resettable:
        report['peak_mib'] = _resident('VmHWM') / 2**10


def _reset_resident_peak() -> bool:
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return False  # not Linux
    return True


def _resident(field: str) -> int:
    """Resident memory of this process in KiB."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))

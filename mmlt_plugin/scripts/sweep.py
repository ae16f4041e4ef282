"""Runs many trainings side by side, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

import torch

from ..errors import ConfigError
from .child_processes import ChildProcesses

TRAIN = Path(__file__).resolve().parents[2] / 'tools' / 'train.py'
STARTED = 'sweep.json'
DONE = 'finished'


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        config: Config file.
        work_dir: The training's own work dir.
        options: Further arguments of ``tools/train.py``, with ``--cfg-options`` last.
    """

    config: str
    work_dir: str
    options: Sequence[str] = field(default_factory=tuple)

    @property
    def is_finished(self) -> bool:
        """Whether the training has been completed."""
        return (Path(self.work_dir) / DONE).exists()

    def check_work_dir(self) -> None:
        """Refuse a work dir that holds a training with other settings.

        Raises:
            ConfigError: Names it.
        """
        try:
            found = json.loads((Path(self.work_dir) / STARTED).read_text())
        except (OSError, json.JSONDecodeError):
            return
        if found != self._identity():
            raise ConfigError(
                f'{self.work_dir} holds a training of {found["config"]} with the options '
                f'{found["options"]}: remove it or choose another folder for this sweep'
            )

    def _identity(self) -> dict:
        return dict(config=str(self.config), options=list(self.options))

    def run(
        self, children: ChildProcesses, threads: int, gpu: str | None = None
    ) -> bool:
        """Start or resume the training; its output goes to ``output.log`` in the work dir.

        Args:
            children: Starts the process.
            threads: Number of CPU threads.
            gpu: The visible GPU, as in ``CUDA_VISIBLE_DEVICES``; None changes nothing.

        Returns:
            bool: Whether the training succeeded.
        """
        if self.is_finished:
            return True
        folder = Path(self.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STARTED).write_text(json.dumps(self._identity()))
        command = [sys.executable, '-W', 'ignore', str(TRAIN), str(self.config)]
        command += ['--work-dir', str(folder), '--resume', *self.options]
        environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)}
        if gpu is not None:
            environment['CUDA_VISIBLE_DEVICES'] = gpu
        with open(folder / 'output.log', 'a') as output:
            status = children.run(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        if status == 0:
            (folder / DONE).touch()
        return status == 0


def run_jobs(
    jobs: Iterable[Job], at_once: int, threads: int | None = None
) -> list[Job]:
    """Run trainings, several at a time, and print the progress.

    Finished trainings are skipped, interrupted ones resume from their last checkpoint, and a
    failed one does not stop the others. Several GPUs get the same number of trainings at a
    time. Ctrl-C or SIGTERM ends all. Must be called in the main thread.

    Args:
        jobs: The trainings.
        at_once: Number of trainings at a time.
        threads: CPU threads of each; None divides the machine's cores.

    Returns:
        list[Job]: The failed trainings.

    Raises:
        ConfigError: A work dir holds a training with other settings.

    Example:
        >>> from mmlt_plugin.scripts.sweep import run_jobs
        >>> run_jobs([], at_once=2)
        []
    """
    jobs = list(jobs)
    for job in jobs:
        job.check_work_dir()
    threads = threads or max(1, (os.cpu_count() or 1) // at_once)
    failed, start = [], time.monotonic()
    children = ChildProcesses()
    gpus = visible_gpus()
    free: Queue[str | None] = Queue()
    for slot in range(at_once):
        free.put(gpus[slot % len(gpus)] if gpus else None)

    def run(job: Job) -> bool:
        gpu = free.get()
        try:
            return job.run(children, threads, gpu)
        finally:
            free.put(gpu)

    pool = ThreadPoolExecutor(at_once)
    with children.ended_on_sigterm():
        try:
            running = {pool.submit(run, job): job for job in jobs}
            for number, future in enumerate(as_completed(running), 1):
                job = running[future]
                good = future.result()
                if not good:
                    failed.append(job)
                minutes = (time.monotonic() - start) / 60
                print(
                    f'[{number}/{len(jobs)}] {minutes:.0f} min: {job.work_dir} '
                    + (
                        'finished' if good else f'FAILED, see {job.work_dir}/output.log'
                    ),
                    flush=True,
                )
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing new starts
    return failed


def visible_gpus() -> list[str]:
    """GPU names as in ``CUDA_VISIBLE_DEVICES``; empty unless there are several.

    Example:
        >>> from mmlt_plugin.scripts.sweep import visible_gpus
        >>> getfixture('monkeypatch').setenv('CUDA_VISIBLE_DEVICES', '2,5')
        >>> visible_gpus()
        ['2', '5']
    """
    named = os.environ.get('CUDA_VISIBLE_DEVICES')
    if named is not None:
        gpus = [gpu.strip() for gpu in named.split(',') if gpu.strip()]
    else:
        gpus = [str(gpu) for gpu in range(torch.cuda.device_count())]
    return gpus if len(gpus) > 1 else []


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line at ``--`` into the script's arguments and ``tools/train.py``'s.

    Example:
        >>> from mmlt_plugin.scripts.sweep import split_arguments
        >>> split_arguments(['a.py', '--', '--amp'])
        (['a.py'], ['--amp'])
    """
    split = arguments.index('--') if '--' in arguments else len(arguments)
    return arguments[:split], arguments[split + 1 :]

"""Reads logs and checkpoints from a work dir."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError


def read_lines(file: Path) -> list[dict]:
    """Read a file with one JSON object per line.

    Args:
        file: A file such as mmengine's ``scalars.json``.
    """
    return [json.loads(line) for line in file.read_text().splitlines()]


def starts(work_dir: Path) -> Iterator[list[dict]]:
    """Log lines of a training for each of its starts, the first and every resumption.

    Args:
        work_dir: The training's work dir.
    """
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        yield read_lines(file)


def last_checkpoint(work_dir: Path | str) -> Path | None:
    """The last checkpoint of a training, even if its work dir was moved.

    ``last_checkpoint`` has its path; in a copied or moved work dir it is next to that file.

    Args:
        work_dir: The training's work dir.

    Returns:
        Path | None: None if nothing has been saved yet.
    """
    pointer = Path(work_dir) / 'last_checkpoint'
    if not pointer.is_file():
        return None
    told = Path(pointer.read_text().strip())
    here = pointer.with_name(told.name)
    return here if here.is_file() else told


def shot_metrics(line: dict) -> dict[str, float]:
    """The shot metrics among logged values, in percent, without their prefix.

    Example:
        >>> from mmlt_plugin.scripts.run_log import shot_metrics
        >>> shot_metrics({'shot/few': 20.93333, 'step': 200})
        {'few': 20.9333}
    """
    return {
        key.removeprefix('shot/'): round(value, 4)
        for key, value in line.items()
        if key.startswith('shot/')
    }


def evaluations(work_dir: Path) -> list[dict]:
    """Shot metrics of every evaluation in a training; repeated epochs count once, the latest.

    Args:
        work_dir: The training's work dir.

    Returns:
        list[dict]: For each epoch ``epoch``, and ``all``, ``many``, ... in percent.

    Raises:
        ConfigError: There is no evaluation.
    """
    found = {}
    for lines in starts(work_dir):
        for line in lines:
            metrics = shot_metrics(line)
            if metrics and line['step'] > 0:  # 0: not during the training
                found[line['step']] = dict(epoch=line['step'], **metrics)
    if not found:
        raise ConfigError(f'{work_dir} has no evaluation with ShotSplitMetric')
    return [found[epoch] for epoch in sorted(found)]


def training_seconds(work_dir: Path) -> float:
    """Seconds of training without evaluations; repeated epochs count once, the latest.

    A training that resumed from another one's checkpoint is counted from that epoch on.

    Args:
        work_dir: The training's work dir.
    """
    seconds: dict[int, float] = {}
    for lines in starts(work_dir):
        previous = None
        for line in lines:
            if 'loss' in line:
                if previous is None:  # a resumed run continues to count
                    earlier = [step for step in seconds if step < line['step']]
                    epoch = line.get('epoch', 1)
                    before = line['step'] * (epoch - 1) // epoch
                    previous = max(earlier, default=before)
                seconds[line['step']] = line['time'] * (line['step'] - previous)
                previous = line['step']
    return sum(seconds.values())


def curve(work_dir: Path, value: str) -> dict[int, float]:
    """A logged value by epoch: from an evaluation, or the mean over a training epoch.

    Args:
        work_dir: The training's work dir.
        value: Name in the log: ``shot/few``, ``loss``, ``alpha``, ...

    Returns:
        dict[int, float]: Value by epoch; empty if it was never logged.
    """
    found: dict[int, list[float]] = {}
    for lines in starts(work_dir):
        fresh: dict[int, list[float]] = {}
        for line in lines:
            epoch = line.get('epoch', line['step'])  # evaluations count steps in epochs
            if value in line and epoch > 0:
                fresh.setdefault(epoch, []).append(line[value])
        found.update(fresh)  # repeated epochs count once
    return {epoch: sum(found[epoch]) / len(found[epoch]) for epoch in sorted(found)}

"""What a work dir tells about a training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError


def read_lines(file: Path) -> list[dict]:
    """Objects of a file with one JSON object a line.

    Args:
        file: As mmengine's ``scalars.json``.
    """
    return [json.loads(line) for line in file.read_text().splitlines()]


def starts(work_dir: Path) -> Iterator[list[dict]]:
    """What a training logged from each of its starts on, the first and every resumption.

    Args:
        work_dir: The training's.
    """
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        yield read_lines(file)


def last_checkpoint(work_dir: Path | str) -> Path | None:
    """The last checkpoint of a training, in its work dir wherever that is by now.

    ``last_checkpoint`` names it; in a work dir that was copied or moved it is beside that
    file.

    Args:
        work_dir: The training's.

    Returns:
        Path | None: None if nothing was saved yet.
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
    """Shot metrics of every evaluation in a training; of what was done twice the last.

    Args:
        work_dir: The training's.

    Returns:
        list[dict]: By epoch: ``epoch``, and ``all``, ``many``, ... in percent.

    Raises:
        ConfigError: There is none.
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
    """Seconds of training without evaluations; of what was done twice the last.

    A training that goes on from another's checkpoint counts from there, to an epoch.

    Args:
        work_dir: The training's.
    """
    seconds: dict[int, float] = {}
    for lines in starts(work_dir):
        previous = None
        for line in lines:
            if 'loss' in line:
                if previous is None:  # a resumed run counts on
                    earlier = [step for step in seconds if step < line['step']]
                    epoch = line.get('epoch', 1)
                    before = line['step'] * (epoch - 1) // epoch
                    previous = max(earlier, default=before)
                seconds[line['step']] = line['time'] * (line['step'] - previous)
                previous = line['step']
    return sum(seconds.values())


def curve(work_dir: Path, value: str) -> dict[int, float]:
    """A logged value by epoch: of an evaluation, or the mean over a training epoch's logs.

    Args:
        work_dir: The training's.
        value: Name as in the log: ``shot/few``, ``loss``, ``alpha``, ...

    Returns:
        dict[int, float]: Empty where it was never logged.
    """
    found: dict[int, list[float]] = {}
    for lines in starts(work_dir):
        fresh: dict[int, list[float]] = {}
        for line in lines:
            epoch = line.get('epoch', line['step'])  # evaluations count steps in epochs
            if value in line and epoch > 0:
                fresh.setdefault(epoch, []).append(line[value])
        found.update(fresh)  # what was done twice counts once
    return {epoch: sum(found[epoch]) / len(found[epoch]) for epoch in sorted(found)}

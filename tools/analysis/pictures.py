"""Helpers shared by the plotting scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
from mmengine.runner import CheckpointLoader

from mmlt_plugin.checkpoint_model import plain_assignments
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.config_reading import shot_thresholds


def named(pairs: list[str]) -> dict[str, list[str]]:
    """Files by name from NAME=FILE arguments; a name may have several."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, separator, file = pair.partition('=')
        if not separator:
            raise ConfigError(f'{pair!r} should be NAME=FILE')
        if not Path(file).exists():
            raise ConfigError(f'{file}: there is no such file')
        found.setdefault(name, []).append(file)
    return found


def named_once(pairs: list[str]) -> dict[str, str]:
    """The file of each name from NAME=FILE arguments."""
    found = named(pairs)
    for name, files in found.items():
        if len(files) > 1:
            raise ConfigError(f'{name} has {len(files)} files: give each its own name')
    return {name: file for name, (file,) in found.items()}


def load(checkpoint: str) -> dict[str, Any]:
    """A checkpoint, on the CPU."""
    return CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')


def class_counts(checkpoint: str) -> np.ndarray:
    """Training images per class (C,), from a checkpoint."""
    counts = load(checkpoint).get('meta', {}).get('class_counts')
    if counts is None:
        raise ConfigError(
            f'checkpoint {checkpoint} tells no class counts: it was trained without '
            'ClassCountsHook'
        )
    return np.asarray(counts)


def thresholds_of_training(checkpoint: str) -> tuple[int, int]:
    """Shot thresholds ``many`` and ``few`` of a checkpoint's training."""
    config = plain_assignments(str(load(checkpoint).get('meta', {}).get('cfg', '')))
    return shot_thresholds(config.get('val_evaluator'))


def save(figure: Any, out: str) -> None:
    """Save a picture, and an SVG next to it."""
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    figure.savefig(Path(out).with_suffix('.svg'))
    plt.close(figure)
    print(f'wrote {out} and {Path(out).with_suffix(".svg")}')

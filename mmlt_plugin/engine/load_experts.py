"""Loads the experts of shot splits from their checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checkpoint_model import model_of_checkpoint
from ..errors import ConfigError
from ..models.heads.shot_split_head import ShotSplitHead


def load_experts(checkpoints: Sequence[str], counts: np.ndarray) -> list[Any]:
    """Load the classifiers that a student learns from.

    Args:
        checkpoints: From trainings with ``ShotSplitHead``, each for a different split.
        counts: The student's training images per class, (C,).

    Returns:
        list: The models in evaluation mode, on the CPU.

    Raises:
        ConfigError: The list is empty; or a checkpoint does not exist, is no expert, shares a
            class with another one, or was trained on other data.
    """
    experts: list[Any] = []
    teacher: dict[int, str] = {}
    for path in checkpoints:
        try:
            expert, meta = model_of_checkpoint(path)
        except FileNotFoundError:
            raise ConfigError(
                f'default_hooks.experts.checkpoints: there is no {path}: train that expert '
                'first, or give its path'
            ) from None
        if not isinstance(expert.head, ShotSplitHead):
            raise ConfigError(
                f'checkpoint {path} is no expert: its head is '
                f'{type(expert.head).__name__}, and should be ShotSplitHead'
            )
        for c in expert.head.classes.tolist():
            if other := teacher.get(c):
                raise ConfigError(
                    f'checkpoints {other} and {path} are both experts of class {c}: give '
                    'one of each shot split, with the same thresholds many and few'
                )
            teacher[c] = path
        trained = meta.get('class_counts')
        if trained is not None and not np.array_equal(trained, counts):
            raise ConfigError(
                f'checkpoint {path} was trained on data with other class counts: train '
                'the experts with the same train_dataloader.dataset'
            )
        experts.append(expert)
    if not experts:
        raise ConfigError(
            'default_hooks.experts.checkpoints is empty: give those of the experts'
        )
    return experts

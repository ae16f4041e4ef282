"""Flattens the settings of configs, and compares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Prefixes of keys that concern how a training is run, evaluated and stored, not what is
#: trained.
ABOUT_THE_RUN = (
    '_', 'resume', 'load_from', 'work_dir', 'launcher', 'log_level', 'log_processor',
    'env_cfg', 'visualizer', 'vis_backends', 'auto_scale_lr', 'experiment_name',
    'default_hooks.checkpoint', 'default_hooks.logger', 'default_hooks.visualization',
    'val_', 'test_', 'train_cfg.val_', 'train_cfg.max_epochs', 'custom_imports',
)  # fmt: skip
#: Last parts of keys that concern the machine, not what is trained.
ABOUT_THE_MACHINE = (
    'data_root', 'persistent_workers', 'pin_memory', 'prefetch_factor',
)  # fmt: skip

#: Prefixes of the keys of :func:`recipe`.
RECIPE = (
    'model.', 'optim_wrapper.optimizer.', 'param_scheduler.', 'train_dataloader.batch_size',
)  # fmt: skip


def flatten(value: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Settings with their dotted keys; items of lists by index.

    Example:
        >>> from mmlt_plugin.settings import flatten
        >>> dict(flatten(dict(model=dict(depth=32), milestones=[160, 180])))
        {'model.depth': 32, 'milestones.0': 160, 'milestones.1': 180}
    """
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, (list, tuple)):
        children = list(enumerate(value))
    else:
        yield key, value
        return
    for name, child in children:
        yield from flatten(child, f'{key}.{name}' if key else str(name))


def name_of_type(settings: dict) -> str:
    """The ``type`` of settings as a plain name, even if it is a class or has a scope.

    Example:
        >>> from mmlt_plugin.settings import name_of_type
        >>> name_of_type(dict(type=dict)), name_of_type(dict(type='mmpretrain.ResNet'))
        ('dict', 'ResNet')
    """
    kind = settings.get('type')
    return getattr(kind, '__name__', str(kind).rpartition('.')[2])


def plain_settings(config: Any) -> dict[str, Any]:
    """All settings by dotted key, with values other than numbers, strings and None as text.

    Args:
        config: Any nest of dicts and lists, such as ``Config.to_dict()``.

    Example:
        >>> from mmlt_plugin.settings import plain_settings
        >>> plain_settings(dict(dataset=dict(type=dict, size=3)))
        {'dataset.type': "<class 'dict'>", 'dataset.size': 3}
    """
    return {
        key: value
        if isinstance(value, (bool, int, float, str, type(None)))
        else str(value)
        for key, value in flatten(config)
    }


def recipe(config: Any) -> dict[str, Any]:
    """The settings that define a training: model, optimizer, schedules and batch size.

    Args:
        config: The dict of a config.

    Example:
        >>> from mmlt_plugin.settings import recipe
        >>> recipe(dict(model=dict(depth=32), val_cfg=dict(), work_dir='here'))
        {'model.depth': 32}
    """
    settings = plain_settings(config)
    return {key: value for key, value in settings.items() if key.startswith(RECIPE)}


def changes(old: Any, new: Any) -> list[str]:
    """The differences between two configs that affect what is trained.

    Args:
        old: The dict of a config, or its settings by dotted key.
        new: The same for another config.

    Returns:
        list[str]: One text per setting, ``key: old -> new``.

    Example:
        >>> from mmlt_plugin.settings import changes
        >>> changes(dict(batch_size=32, seed=0), dict(batch_size=16, seed=0))
        ['batch_size: 32 -> 16']
    """
    before, after = dict(flatten(old)), dict(flatten(new))
    nothing = 'nothing'
    return [
        f'{key}: {before.get(key, nothing)} -> {after.get(key, nothing)}'
        for key in dict.fromkeys([*before, *after])
        if before.get(key, nothing) != after.get(key, nothing)
        and not key.startswith(ABOUT_THE_RUN)
        and key.rpartition('.')[2] not in ABOUT_THE_MACHINE
    ]

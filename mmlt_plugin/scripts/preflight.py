"""Finds mistakes before a training starts."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from ..engine.hooks.class_counts_hook import who_predicts_by_counts
from ..errors import ConfigError, lacks_counts
from ..settings import name_of_type


def unfinished_schedules(cfg: Config) -> list[str]:
    """Find learning rate schedules that do not end, or end too late or too early.

    That is: they reach beyond the training, a cosine ends before it, or MMEngine never leaves
    the first value, as it does with a warm-up over a single epoch.

    Args:
        cfg: A config of a training by epochs.

    Returns:
        list[str]: One sentence each.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.preflight import unfinished_schedules
        >>> steps = dict(type='MultiStepLR', milestones=[160, 180], by_epoch=True)
        >>> cfg = Config(dict(param_scheduler=[steps], train_cfg=dict(max_epochs=100)))
        >>> unfinished_schedules(cfg)
        ['param_scheduler[0] (MultiStepLR) reaches to epoch 180, train_cfg.max_epochs is 100: the learning rate does not get where it should']
    """
    epochs = (cfg.get('train_cfg') or {}).get('max_epochs')
    if not epochs:
        return []
    schedulers = {
        f'param_scheduler[{number}] ({name_of_type(scheduler)})': scheduler
        for number, scheduler in enumerate(schedulers_of(cfg))
        if scheduler.get('by_epoch', True) and name_of_type(scheduler).endswith('LR')
    }
    return [
        *_too_long(schedulers, epochs),
        *_cosine_too_short(schedulers, epochs),
        *_never_left(schedulers),
    ]


def _too_long(schedulers: dict[str, dict], epochs: int) -> list[str]:
    return [
        f'{name} reaches to epoch {_last_epoch(scheduler, epochs)}, train_cfg.max_epochs is '
        f'{epochs}: the learning rate does not get where it should'
        for name, scheduler in schedulers.items()
        if epochs < _last_epoch(scheduler, epochs) < 1e9  # mmengine's value for no end
    ]


def _cosine_too_short(schedulers: dict[str, dict], epochs: int) -> list[str]:
    if not schedulers:
        return []
    # The one that ends last; any other is followed by another schedule.
    name, scheduler = max(
        schedulers.items(), key=lambda item: _last_epoch(item[1], epochs)
    )
    last = _last_epoch(scheduler, epochs)
    if name_of_type(scheduler) != 'CosineAnnealingLR' or last >= epochs:
        return []
    then = 'stays as it is then' if scheduler.get('end') else 'rises again'
    return [
        f'{name} ends at epoch {last}, train_cfg.max_epochs is {epochs}: the learning '
        f'rate {then}'
    ]


def _never_left(schedulers: dict[str, dict]) -> list[str]:
    return [
        f'{name} lasts one epoch, and MMEngine never leaves its first value: set its '
        f'convert_to_iter_based=True, or end={scheduler["end"] + 1}'
        for name, scheduler in schedulers.items()
        if name_of_type(scheduler) in ('LinearLR', 'ConstantLR')
        and scheduler.get('end') == (scheduler.get('begin') or 0) + 1
        and not scheduler.get('convert_to_iter_based')
    ]


def _last_epoch(scheduler: dict, epochs: int) -> int:
    if name_of_type(scheduler) == 'CosineAnnealingLR' and not scheduler.get('T_max'):
        return scheduler.get('end') or epochs  # mmengine's own T_max
    return max(
        scheduler.get('end') or 0,
        scheduler.get('total_iters') or 0,
        (scheduler.get('begin') or 0) + (scheduler.get('T_max') or 0),
        *(scheduler.get('milestones') or []),
    )


def unused_pipelines(config: str | Path | None) -> list[str]:
    """Find pipelines that a config file redefines but gives to no dataset.

    An inherited dataset keeps its pipeline when the variable it came from is redefined.

    Args:
        config: The file; only Python files that inherit are checked.

    Returns:
        list[str]: One sentence each.

    Example:
        >>> from mmlt_plugin.scripts.preflight import unused_pipelines
        >>> file = getfixture('tmp_path') / 'mine.py'
        >>> _ = file.write_text("_base_ = 'other.py'; train_pipeline = []")
        >>> unused_pipelines(file)
        ['train_pipeline of mine.py is given to no dataset, and the inherited one keeps its own: set pipeline=train_pipeline within train_dataloader.dataset']
    """
    if config is None or Path(config).suffix != '.py':
        return []
    tree = ast.parse(Path(config).read_bytes())
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    used = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    defined = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return [
        f'{split}_pipeline of {Path(config).name} is given to no dataset, and the inherited '
        f'one keeps its own: set pipeline={split}_pipeline within {split}_dataloader.dataset'
        for split in ('train', 'val', 'test')
        if '_base_' in defined and f'{split}_pipeline' in defined - used
    ]


def counted_in_epochs(cfg: Config) -> list[str]:
    """Find settings that count epochs, and so have no effect in a training by iterations.

    Args:
        cfg: Any config.

    Returns:
        list[str]: One sentence each.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.preflight import counted_in_epochs
        >>> train_cfg = dict(by_epoch=False, max_iters=100)
        >>> counted_in_epochs(Config(dict(train_cfg=train_cfg, param_scheduler=[])))
        []
    """
    loop = cfg.get('train_cfg') or {}
    by_iteration = name_of_type(loop) == 'IterBasedTrainLoop'
    if not by_iteration and loop.get('by_epoch', True):
        return []
    found = [
        f'param_scheduler[{number}] ({name_of_type(scheduler)}) counts epochs and this '
        'training iterations, so it never steps: set its by_epoch=False'
        for number, scheduler in enumerate(schedulers_of(cfg))
        if scheduler.get('by_epoch', True)
        and not scheduler.get('convert_to_iter_based')
    ]
    checkpoint = (cfg.get('default_hooks') or {}).get('checkpoint')
    if checkpoint and checkpoint.get('by_epoch', True):
        found.append(
            'default_hooks.checkpoint counts epochs and this training iterations, so it '
            'saves at the end only: set its by_epoch=False and interval'
        )
    return found


def schedulers_of(cfg: Config) -> list[dict]:
    """Settings of the schedulers as a list; a config may have a single one, or none."""
    schedulers: Any = cfg.get('param_scheduler') or []
    return [schedulers] if isinstance(schedulers, dict) else schedulers


def check_deferred_sampling(cfg: Config) -> None:
    """Refuse a deferred sampler that would never be used.

    Args:
        cfg: A config of a training by epochs.

    Raises:
        ConfigError: ``action_epoch`` is beyond the end of the training.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.preflight import check_deferred_sampling
        >>> sampler = dict(type='DeferredSampler', action_epoch=161)
        >>> loader, train_cfg = dict(sampler=sampler), dict(max_epochs=200)
        >>> cfg = Config(dict(train_dataloader=loader, train_cfg=train_cfg))
        >>> check_deferred_sampling(cfg)
    """
    epochs = (cfg.get('train_cfg') or {}).get('max_epochs')
    sampler = (cfg.get('train_dataloader') or {}).get('sampler') or {}
    start = sampler.get('action_epoch')
    if start and epochs and start > epochs:
        raise ConfigError(
            f'train_dataloader.sampler.action_epoch={start} is never reached: the '
            f'training has train_cfg.max_epochs={epochs}'
        )


def check_counts_are_brought(runner: Runner) -> None:
    """Refuse a validation whose metric or head will not get the class counts.

    Args:
        runner: The runner, with its hooks.

    Raises:
        ConfigError: Names what to add, before the first validation would.
    """
    if runner.val_loop is None or any(hasattr(h, 'hand_out') for h in runner.hooks):
        return
    for metric in runner.val_loop.evaluator.metrics:
        if (
            hasattr(metric, 'set_class_counts')
            and getattr(metric, 'counts', ()) is None
        ):
            raise lacks_counts(
                type(metric).__name__, 'class_counts=[...] to the evaluator'
            )
    for module in who_predicts_by_counts(runner.model):
        raise lacks_counts(type(module).__name__)

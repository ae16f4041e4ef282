"""Schedules of a resumed training that differ from its checkpoint's."""

from __future__ import annotations

from typing import Any

from mmengine.runner import Runner

#: Entries of a scheduler's state that are not settings.
PROGRESS = (
    'last_step', '_global_step', '_last_value', 'base_values', 'verbose',
    'best', 'num_bad_epochs', 'cooldown_counter',
)  # fmt: skip


def schedules_differ(states: Any, schedulers: Any) -> bool:
    """Whether the settings of schedulers differ from those in a checkpoint.

    Args:
        states: The checkpoint's ``param_schedulers``, a list or a dict of lists.
        schedulers: The runner's.
    """
    states, schedulers = in_one_list(states), in_one_list(schedulers)
    return len(states) != len(schedulers) or any(
        value != getattr(scheduler, key, value)
        for state, scheduler in zip(states, schedulers)
        for key, value in state.items()
        if key not in PROGRESS
    )


def follower_of_evaluations(runner: Runner) -> str | None:
    """Name of a scheduler that follows evaluations, such as ``ReduceOnPlateauLR``."""
    for scheduler in in_one_list(runner.param_schedulers or []):
        if getattr(scheduler, 'need_val_args', False):
            return type(scheduler).__name__
    return None


def replay_schedules(runner: Runner) -> None:
    """Step new schedulers through all past iterations, from the optimizer's base rates.

    Most schedulers modify the current rate, so a rate that followed another
    schedule would remain wrong.
    """
    for group in in_one_list(runner.optim_wrapper.param_groups):
        for key in [key for key in group if key.startswith('initial_')]:
            group[key.removeprefix('initial_')] = group[key]
    settings = runner.cfg.get('param_scheduler') or []
    runner.param_schedulers = runner.build_param_scheduler(settings)
    schedulers = in_one_list(runner.param_schedulers)
    # The number of iterations per epoch so far, whatever it is now.
    length = runner.iter // runner.epoch if runner.epoch else runner.iter + 1
    for iteration in range(1, runner.iter + 1):
        for scheduler in schedulers:
            if not scheduler.by_epoch:
                scheduler.step()
        if iteration % length == 0:
            for scheduler in schedulers:
                if scheduler.by_epoch:
                    scheduler.step()


def in_one_list(groups: Any) -> list:
    """Schedulers, states or groups of one optimizer, or of several by name, in one list."""
    if isinstance(groups, dict):
        return [item for group in groups.values() for item in group]
    return list(groups)

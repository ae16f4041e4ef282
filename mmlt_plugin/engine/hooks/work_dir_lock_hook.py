"""Allows one training per work dir."""

from __future__ import annotations

import os

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import ConfigError
from ...ranks import check_on_main_rank

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Descriptors of the folders that this process has locked.
_held: dict[str, int] = {}


def _close_all() -> None:
    """Release the locks in a forked worker, which may outlive the training by seconds."""
    while _held:
        os.close(_held.popitem()[1])


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_close_all)


@HOOKS.register_module()
class WorkDirLockHook(Hook):
    """Refuse a work dir in which another training is running.

    Two trainings in one work dir overwrite each other's checkpoints. The operating system
    holds the lock and releases it when the process ends, for whatever reason.

    Raises:
        ConfigError: Names the work dir.

    Example:
        >>> default_hooks = dict(work_dir_lock=dict(type='WorkDirLockHook'))
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Lock the folder itself."""
        check_on_main_rank(lambda: _lock(runner.work_dir))

    def after_train(self, runner: Runner) -> None:
        """Release the lock."""
        descriptor = _held.pop(os.path.realpath(runner.work_dir), None)
        if descriptor is not None:
            os.close(descriptor)


def _lock(work_dir: str) -> None:
    """Lock a folder until the process ends."""
    folder = os.path.realpath(work_dir)
    # The same process may train there again, for example in a notebook.
    if fcntl is None or folder in _held:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            f'another training runs in work_dir {work_dir}: give this one another '
            '--work-dir'
        ) from None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return
    _held[folder] = descriptor

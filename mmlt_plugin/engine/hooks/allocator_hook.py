"""Memory allocation for feature maps on CPUs."""

from __future__ import annotations

import ctypes
import platform

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

#: Parameters of glibc's mallopt(3): serve up to 32 MiB from the heap, return the end of the
#: heap from 1 GiB on, and grow it by 256 MiB.
MALLOPT = {-3: 32 << 20, -1: 1 << 30, -2: 256 << 20}


@HOOKS.register_module()
class AllocatorHook(Hook):
    """Keep the memory of feature maps from one iteration to the next, on Linux CPUs.

    By default glibc returns every large block to the system when it is freed, and the
    system clears it before handing it out again, which costs page faults for every feature
    map of every iteration. On other systems the hook does nothing.

    Example:
        >>> default_hooks = dict(allocator=dict(type='AllocatorHook'))
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner: Runner) -> None:
        """Configure the allocator."""
        if platform.libc_ver()[0] == 'glibc':
            libc = ctypes.CDLL(None)
            for parameter, value in MALLOPT.items():
                libc.mallopt(parameter, value)

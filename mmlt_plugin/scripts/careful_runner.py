"""The runner used by the scripts in ``tools/``."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from .. import compat
from ..ranks import check_same_start
from .preflight import (
    check_counts_are_brought,
    check_deferred_sampling,
    counted_in_epochs,
    unfinished_schedules,
    unused_pipelines,
)

#: Names of the default hooks that mmengine adds itself.
MMENGINE_HOOKS = (
    'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint',
)  # fmt: skip


def build_runner(cfg: Config) -> Runner:
    """Build the runner, also on machines without an accelerator."""
    compat.distributed_needs_cuda(cfg)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return CarefulRunner.from_cfg(cfg)


class CarefulRunner(Runner):
    """mmengine's runner, but careful with what is in the work dir.

    mmengine copies the config into the work dir as soon as the runner is built, even for a
    test, overwriting the config of the run that made the checkpoints there. Here this
    happens only after the first training iteration, which shows that the run works.
    """

    config_is_written = False

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """Register the default hooks; None switches any of them off, also our own."""
        mine = {k: v for k, v in (hooks or {}).items() if v or k in MMENGINE_HOOKS}
        super().register_default_hooks(mine)

    def train(self) -> Any:
        """Check the config for mistakes, then train."""
        check_deferred_sampling(self.cfg)
        for sentence in (
            *unfinished_schedules(self.cfg),
            *counted_in_epochs(self.cfg),
            *unused_pipelines(self.cfg.filename),
        ):
            self.logger.warning(sentence)
        model = super().train()
        for loop in (self.train_loop, self.val_loop):
            if loop is not None:
                end_workers(loop.dataloader)
        return model

    def dump_config(self) -> None:
        """Do nothing yet: the config is copied after the first iteration."""

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks, and copy the config after the first iteration."""
        if fn_name == 'before_train':
            check_counts_are_brought(self)
            check_same_start((self.epoch, self.iter))
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'after_train_iter' and not self.config_is_written:
            super().dump_config()
            self.config_is_written = True


def end_workers(dataloader: DataLoader) -> None:
    """End persistent workers, for each of which garbage collection would wait five seconds.

    Args:
        dataloader: The dataloader, which starts new workers if it is used again.
    """
    iterator = getattr(dataloader, '_iterator', None)
    if iterator is not None:
        iterator._shutdown_workers()
        dataloader._iterator = None

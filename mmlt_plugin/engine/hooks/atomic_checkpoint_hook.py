"""Checkpoints that survive a kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import ConfigError
from ..atomic_backend import SUFFIX, AtomicBackend


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` in an order in which nothing can get lost.

    First the new checkpoint is written completely, then ``last_checkpoint`` points to it,
    then outdated ones are removed, so a run killed at any moment resumes from a complete
    checkpoint. mmengine (0.10.7) removes the old checkpoint first and writes directly to
    the final name. The arguments are the same; for ``save_best='shot/all'`` and the like
    greater is better.

    Raises:
        ConfigError: ``save_best`` is not a metric of the evaluation.

    Example:
        >>> default_hooks = dict(
        ...     checkpoint=dict(type='AtomicCheckpointHook', interval=10, max_keep_ckpts=1)
        ... )
    """

    #: Metrics of which greater values are better.
    _default_greater_keys = (
        *CheckpointHook._default_greater_keys, 'shot/', 'recall', 'f1-score'
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        remote = '://' in str(kwargs.get('out_dir') or '')
        if not remote and not kwargs.get('file_client_args'):
            kwargs.setdefault('backend_args', dict(backend='atomic'))
        super().__init__(*args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        """Remove what a killed run left unfinished."""
        super().before_train(runner)
        if is_main_process() and '://' not in self.out_dir:
            for file in Path(self.out_dir).glob(f'*{SUFFIX}'):
                file.unlink()

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if self.max_keep_ckpts > 0:
            kept = [s for s in self.keep_ckpt_ids if s != step]
            outdated = kept[: max(0, len(kept) + 1 - self.max_keep_ckpts)]
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend([*kept[len(outdated) :], step])
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        else:
            outdated = []
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            pointer = Path(runner.work_dir) / 'last_checkpoint'
            AtomicBackend().put_text(self.last_ckpt, pointer)
            for old in outdated:
                self._remove(self.filename_tmpl.format(old))

    def _remove(self, name: str) -> None:
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # DeepSpeed's
            self.file_backend.rmtree(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:  # without training there is no file_backend
            return
        for key in self.key_indicators:
            if key != 'auto' and key not in metrics:
                raise ConfigError(
                    f'default_hooks.checkpoint.save_best={key!r} is no metric of this '
                    f'evaluation: choose from {sorted(metrics)}'
                )
        with self._removals_at_the_end():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removals_at_the_end(self) -> Iterator[None]:
        """Postpone the removals that mmengine makes before it has saved the new best."""
        outdated: list[str] = []
        remove = self.file_backend.remove
        self.file_backend.remove = outdated.append
        try:
            yield
        finally:
            self.file_backend.remove = remove
        for path in outdated:
            if self.file_backend.isfile(path):
                remove(path)

"""Seeds all random number generators every epoch, so that resuming is exact."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.registry import HOOKS
from torch.utils.data import get_worker_info

from ...datasets.pipelines import datasets_with_pipeline
from ...errors import ConfigError
from ..resumed_schedules import (
    follower_of_evaluations,
    replay_schedules,
    schedules_differ,
)
from .evaluate_on_resume_hook import EvaluateOnResumeHook


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a run that was interrupted and resumed equal to one that was not, bit for bit.

    At the start of every epoch all random number generators, including those of the
    dataloader's workers, are seeded by (seed, epoch, rank, worker). After resuming,
    augmentation, mixup and dropout are thus the same as without the interruption, with any
    number of workers, persistent or not, and no state has to be stored. Samplers and BBN's
    alpha depend on the epoch anyway. mmengine neither saves generators nor re-seeds them:
    its persistent workers continue with arbitrary numbers, and others repeat the same
    numbers every epoch.

    The config's schedules also take precedence over those in the checkpoint, so that a run
    can be extended: mmengine restores the old ``end``, and a longer training never reaches
    its last milestones. The optimizer's base learning rate remains that of the checkpoint.

    Resuming is exact for trainings by epoch with ``randomness=dict(seed=...)`` and without
    gradients accumulated across the end of an epoch; schedules that follow evaluations also
    need :class:`EvaluateOnResumeHook`. Otherwise a resumed run warns.

    Raises:
        ConfigError: The schedules of a resumed run differ from the checkpoint's, and one of
            them follows evaluations, like ``ReduceOnPlateauLR``.

    Example:
        >>> default_hooks = dict(exact_resume=dict(type='ExactResumeHook'))
    """

    # After hooks that change the pipeline, before those that draw random numbers.
    priority = 'BELOW_NORMAL'

    def __init__(self) -> None:
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.schedules_changed = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the config's schedules with those of the checkpoint."""
        if not runner._resume:
            return
        states = checkpoint.get('param_schedulers', [])
        self.schedules_changed = schedules_differ(states, runner.param_schedulers or [])
        if self.schedules_changed:
            if (follower := follower_of_evaluations(runner)) is not None:
                raise ConfigError(
                    f'param_scheduler has a {follower}, which follows the evaluations and '
                    'cannot be replayed: resume with the schedules of the checkpoint'
                )
            checkpoint.pop('param_schedulers', None)

    def before_train(self, runner: Runner) -> None:
        """Advance changed schedules to the present; warn if resuming is not exact."""
        if self.schedules_changed:
            replay_schedules(runner)
            runner.logger.info("the schedules are not the checkpoint's: replayed")
        if runner._resume:
            for reason in why_not_exact(runner):
                runner.logger.warning(reason)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the epoch, in this process and in the workers."""
        self.epoch.fill_(runner.epoch)
        seed, rank = runner.seed or 0, get_rank()
        for number, leaf in enumerate(
            datasets_with_pipeline(runner.train_dataloader.dataset)
        ):
            pipeline = leaf.pipeline
            if not isinstance(pipeline, EpochSeededPipeline):
                leaf.pipeline = EpochSeededPipeline(
                    pipeline, self.epoch, (seed, rank, number)
                )
        set_all_seeds(seed, runner.epoch, rank, 1)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Seed again: a new dataloader iterator draws a number, a persistent one does not."""
        if batch_idx == 0:
            set_all_seeds(runner.seed or 0, runner.epoch, get_rank(), 2)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Count the passes of a training by iterations: each has new workers."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self.epoch.fill_((runner.iter + 1) // len(runner.train_dataloader))


class EpochSeededPipeline:
    """A pipeline that seeds its worker's generators once per epoch.

    Args:
        pipeline: The pipeline.
        epoch: The current epoch, int64 in shared memory, because a worker only has a copy of
            everything else.
        stream: Integers that distinguish this stream of random numbers from others.

    Example:
        >>> import torch
        >>> from mmlt_plugin.engine.hooks.exact_resume_hook import EpochSeededPipeline
        >>> EpochSeededPipeline(str, torch.tensor(0), (0, 0))(5)
        '5'
    """

    def __init__(
        self, pipeline: Any, epoch: torch.Tensor, stream: tuple[int, ...]
    ) -> None:
        self.pipeline = pipeline
        self.epoch = epoch
        self.stream = stream
        self.seeded = -1

    @property
    def transforms(self) -> list:
        """The pipeline's transforms."""
        return self.pipeline.transforms

    def __call__(self, data: Any) -> Any:
        """Run the pipeline."""
        worker = get_worker_info()
        if worker is not None and self.seeded != int(self.epoch):
            self.seeded = int(self.epoch)
            set_all_seeds(*self.stream, self.seeded, worker.id + 1)
        return self.pipeline(data)

    def __repr__(self) -> str:
        return repr(self.pipeline)


def why_not_exact(runner: Runner) -> Iterator[str]:
    """Why a resumed training will not end with the weights of an uninterrupted one."""
    # The config's: by now the runner has adopted the checkpoint's seed.
    if runner.cfg.get('randomness', {}).get('seed') is None:
        yield 'randomness.seed is not set, so the resumed samplers draw anew'
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        yield (
            'this training counts iterations: only trainings by epoch, '
            'train_cfg=dict(by_epoch=True, ...), resume to the same weights'
        )
    elif runner.iter != runner.epoch * len(runner.train_dataloader):
        yield (
            f'the checkpoint is of iteration {runner.iter}, in the middle of an epoch, which '
            'begins anew: set default_hooks.checkpoint.by_epoch=True'
        )
    follower = follower_of_evaluations(runner)
    if follower is not None and not any(
        isinstance(hook, EvaluateOnResumeHook) for hook in runner.hooks
    ):
        yield (
            f'{follower} misses the evaluation right after the checkpoint: add '
            'EvaluateOnResumeHook to default_hooks'
        )
    accumulated = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    if len(runner.train_dataloader) % accumulated:
        yield (
            f'gradients of {accumulated} iterations are accumulated, and the '
            f'{len(runner.train_dataloader)} of an epoch are no multiple of it: those '
            'begun before the checkpoint are lost'
        )


def set_all_seeds(*key: int) -> None:
    """Seed Python, NumPy and PyTorch, on all devices, by some integers.

    Args:
        *key: Non-negative integers; different keys give independent streams.
    """
    seed = int(np.random.SeedSequence(key).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - transforms draw from it
    torch.manual_seed(seed)

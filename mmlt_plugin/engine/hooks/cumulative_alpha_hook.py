"""BBN's cumulative learning: alpha during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from mmengine.dist import broadcast_object_list
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmpretrain.registry import HOOKS

from ...checks import check_choice, check_number
from ...datasets import BilateralBatchSampler
from ...errors import ConfigError
from ...models import check_neck

#: Alpha as a function of the progress t in [0, 1) and ``value``, BBN's Table 4.
SCHEDULES: dict[str, Any] = dict(
    parabolic=lambda t, _: 1 - t**2,
    linear=lambda t, _: 1 - t,
    cosine=lambda t, _: math.cos(t * math.pi / 2),
    increment=lambda t, _: t**2,
    constant=lambda _, value: value,
    separated=lambda t, value: float(t < value),
)


@HOOKS.register_module()
class CumulativeAlphaHook(Hook):
    r"""Move alpha of BBN's head from representation learning to classifier learning.

    BBN Eq. 5 and Table 4. With t = epoch / divisor and epochs counted from 0:

    - ``parabolic``: :math:`1 - t^2`, the paper's choice,
    - ``linear``: :math:`1 - t`,
    - ``cosine``: :math:`\cos(t \pi / 2)`,
    - ``increment``: :math:`t^2`,
    - ``constant``: ``value``; the paper's equal weight is 0.5,
    - ``beta``: a draw from Beta(0.2, 0.2) in every iteration,
    - ``separated``: 1 until t reaches ``value``, then 0: two stages.

    Alpha depends only on the epoch (or on seed and iteration), so it is the same on all
    ranks, and nothing has to be stored for resuming.

    Args:
        schedule: One of the names above.
        divisor: Number of epochs (iterations with ``by_epoch=False``) at which t = 1; None is
            the length of the training. The released code has 200 for 180 epochs and 100 for
            90, so alpha ends at 0.2.
        value: Alpha of ``constant``, or the t at which ``separated`` switches, in [0, 1].
        by_epoch: Whether alpha changes every epoch; otherwise every iteration.

    Raises:
        ConfigError: An argument lies outside its range, the batches are not bilateral, or a
            training by iterations has ``by_epoch=True``.

    Example:
        >>> from mmlt_plugin.engine import CumulativeAlphaHook
        >>> hook = CumulativeAlphaHook()
        >>> [hook.alpha(epoch, 200) for epoch in (0, 100, 150)]
        [1.0, 0.75, 0.4375]
    """

    def __init__(
        self,
        schedule: str = 'parabolic',
        divisor: int | None = None,
        value: float = 0.5,
        by_epoch: bool = True,
    ) -> None:
        check_choice('schedule of CumulativeAlphaHook', schedule, (*SCHEDULES, 'beta'))
        meaning = 'it is an alpha or a share of the training'
        check_number('value of CumulativeAlphaHook', value, '[0, 1]', meaning=meaning)
        if divisor is not None:
            check_number('divisor of CumulativeAlphaHook', divisor, '(0, inf)')
        self.schedule = schedule
        self.divisor = divisor
        self.value = value
        self.by_epoch = by_epoch
        self.seed = 0

    def alpha(self, step: int, steps: int, seed: int = 0) -> float:
        """Alpha at an epoch or iteration.

        Args:
            step: Epoch or iteration, from 0.
            steps: Length of the training in the same unit.
            seed: Seed of ``beta``.

        Returns:
            float: Alpha in [0, 1].
        """
        if self.schedule == 'beta':
            return float(np.random.default_rng([seed, step]).beta(0.2, 0.2))
        t = min(step / (self.divisor or steps), 1.0)
        return SCHEDULES[self.schedule](t, self.value)

    def before_train(self, runner: Runner) -> None:
        """Check that model, data and unit of time fit together."""
        if not any(hasattr(m, 'set_alpha') for m in runner.model.modules()):
            raise ConfigError(
                'CumulativeAlphaHook found no module with set_alpha: model.head should '
                "be of type 'BBNHead'"
            )
        check_neck(runner.model)
        batches = runner.train_dataloader.batch_sampler
        if not isinstance(batches, BilateralBatchSampler):
            raise ConfigError(
                'BBN needs batches of a uniform and a re-balanced half: set '
                "train_dataloader.batch_sampler=dict(type='BilateralBatchSampler') and "
                'train_dataloader.drop_last=False'
            )
        if runner.cfg.get('sync_bn'):
            raise ConfigError(
                "sync_bn would replace BBN's bilateral normalisation: remove it and set "
                "norm_cfg=dict(type='BilateralSyncBN') in model.backbone"
            )
        iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
        if self.by_epoch and iterations and self.schedule not in ('beta', 'constant'):
            raise ConfigError(
                'CumulativeAlphaHook with by_epoch=True needs train_cfg=dict('
                'by_epoch=True, max_epochs=...): this training counts iterations, so set '
                'by_epoch=False'
            )
        seed = [runner.seed or 0]  # which can differ between ranks
        broadcast_object_list(seed)
        self.seed = seed[0]

    def before_train_epoch(self, runner: Runner) -> None:
        """Set alpha for the epoch."""
        if self.by_epoch and self.schedule != 'beta':
            self._set(runner, self.alpha(runner.epoch, runner.max_epochs))

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Set alpha for the iteration, if it changes that often."""
        if not self.by_epoch or self.schedule == 'beta':
            alpha = self.alpha(runner.iter, runner.max_iters, self.seed)
            self._set(runner, alpha)

    def _set(self, runner: Runner, alpha: float) -> None:
        for module in runner.model.modules():
            if hasattr(module, 'set_alpha'):
                module.set_alpha(alpha)

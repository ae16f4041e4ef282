"""Batches with a uniform half and a re-balanced half."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from mmpretrain.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from ...checks import check_number
from ...errors import ConfigError
from .class_power_sampler import ClassPowerSampler
from .deferred_sampler import DeferredSampler


@DATA_SAMPLERS.register_module()
class BilateralBatchSampler(Sampler):
    """BBN's two streams in one flat batch: B uniform items, then B of another sampler.

    BBN Sec. 4.2: the conventional branch sees every image once an epoch, the
    re-balancing branch the reversed sampler's draws. The first stream defines the length
    of an epoch. Dataset, pipeline, collate function and preprocessor need no change.

    Args:
        sampler: The first stream, usually a ``DefaultSampler``; mmengine passes the
            dataloader's ``sampler``.
        batch_size: Items B of each stream on this rank; mmengine passes the
            dataloader's ``batch_size``.
        drop_last: Whether to drop an incomplete last batch.
        other: Config of the second stream's sampler; None is ``ReversedSampler``. BBN's Table 3
            also tries ``ClassBalancedSampler`` and ``ClassPowerSampler`` with ``power=1``.

    Raises:
        ConfigError: ``batch_size`` is not positive, or ``sampler`` has no dataset or
            re-balances.

    Example:
        >>> from mmengine.dataset import DefaultSampler
        >>> from mmlt_plugin.datasets import BilateralBatchSampler, Digits
        >>> uniform = DefaultSampler(Digits(split='train'), seed=0)
        >>> batches = BilateralBatchSampler(uniform, batch_size=64, drop_last=True)
        >>> len(batches), len(next(iter(batches)))
        (20, 128)
    """

    def __init__(
        self,
        sampler: Any,
        batch_size: int,
        drop_last: bool = False,
        other: dict | None = None,
    ) -> None:
        check_number('batch_size', batch_size, '[1, inf)', integer=True)
        if not hasattr(sampler, 'dataset'):
            raise ConfigError(
                f'BilateralBatchSampler needs a sampler that knows its dataset, and '
                f'{type(sampler).__name__} has none: use DefaultSampler'
            )
        if isinstance(sampler, DeferredSampler) or (
            isinstance(sampler, ClassPowerSampler) and sampler.power != 1
        ):
            raise ConfigError(
                f'BilateralBatchSampler: its first stream must be uniform, not drawn by '
                f'{type(sampler).__name__}: leave train_dataloader.sampler as it was and '
                'set train_dataloader.batch_sampler.other'
            )
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.other = DATA_SAMPLERS.build(
            other or dict(type='ReversedSampler'),
            default_args=dict(
                dataset=sampler.dataset, seed=getattr(sampler, 'seed', None)
            ),
        )

    def _other_items(self) -> Iterator[int]:
        """The second stream, endless, starting at the first stream's epoch."""
        for epoch in itertools.count(getattr(self.sampler, 'epoch', 0)):
            self.other.set_epoch(epoch)
            yield from self.other

    def __iter__(self) -> Iterator[list[int]]:
        first, second = iter(self.sampler), self._other_items()
        while batch := list(itertools.islice(first, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch + list(itertools.islice(second, len(batch)))

    def __len__(self) -> int:
        batches = len(self.sampler) / self.batch_size
        return math.floor(batches) if self.drop_last else math.ceil(batches)

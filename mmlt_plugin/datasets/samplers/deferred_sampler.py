"""Switches to another sampler at some epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmpretrain.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from ...checks import check_number
from ...errors import ConfigError


@DATA_SAMPLERS.register_module()
class DeferredSampler(Sampler):
    """Draw from one sampler first and from another later: deferred re-sampling.

    DRS in the tables of LDAM-DRW (Cao et al., NeurIPS 2019) and BBN. The choice depends on
    the epoch alone, so resuming and persistent workers make no difference.

    Args:
        dataset: The dataset; mmengine passes it to both samplers.
        action_epoch: The first epoch of the second sampler, counted from 1.
        first: Config of the first sampler; None draws every image once per epoch.
        then: Config of the second sampler; None is ``ClassBalancedSampler``.
        seed: Seed of both; None draws one for each, the same on all ranks.

    Raises:
        ConfigError: ``action_epoch`` is not positive, or the samplers draw different
            numbers of items, since the length of an epoch must not change.

    Example:
        >>> from mmlt_plugin.datasets import DeferredSampler, Digits
        >>> sampler = DeferredSampler(Digits(split='train'), action_epoch=161, seed=0)
        >>> sampler.set_epoch(160)
        >>> type(sampler.current).__name__
        'ClassBalancedSampler'
    """

    def __init__(
        self,
        dataset: Any,
        action_epoch: int,
        first: dict | None = None,
        then: dict | None = None,
        seed: int | None = None,
    ) -> None:
        key = 'action_epoch of DeferredSampler'
        check_number(key, action_epoch, '[1, inf)', integer=True)
        self.dataset = dataset
        self.action_epoch = action_epoch
        self.seed = seed
        self.epoch = 0
        self.first, self.then = (
            DATA_SAMPLERS.build(cfg, default_args=dict(dataset=dataset, seed=seed))
            for cfg in (
                first or dict(type='DefaultSampler', shuffle=True),
                then or dict(type='ClassBalancedSampler'),
            )
        )
        if len(self.first) != len(self.then):
            raise ConfigError(
                f'the samplers of DeferredSampler draw {len(self.first)} and '
                f'{len(self.then)} items an epoch: they must draw equally many'
            )

    @property
    def current(self) -> Any:
        """The sampler of the current epoch."""
        return self.first if self.epoch + 1 < self.action_epoch else self.then

    def __iter__(self) -> Iterator[int]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)

    def set_epoch(self, epoch: int) -> None:
        """Choose sampler and sequence; ``DistSamplerSeedHook`` calls it every epoch."""
        self.epoch = epoch
        self.current.set_epoch(epoch)

"""Default settings of dataloaders, and a check of their folders."""

from __future__ import annotations

import argparse
import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict
from mmpretrain.registry import DATASETS

from ..errors import ConfigError


def prepare_dataloaders(
    cfg: Config, args: argparse.Namespace, fields: Sequence[str], **defaults: Any
) -> None:
    """Give dataloaders mmpretrain's usual settings unless they have their own.

    Args:
        cfg: The config, changed in place.
        args: The command line.
        fields: Names of the dataloaders that will be used, ``val_dataloader`` etc.
        **defaults: Further settings.

    Raises:
        ConfigError: A ``data_root`` does not exist and cannot be downloaded.
    """
    defaults = dict(
        pin_memory=True, collate_fn=dict(type='default_collate'), **defaults
    )
    for field in fields:
        if cfg.get(field) is None:
            continue
        loader = ConfigDict({**defaults, **cfg[field]})
        if args.no_pin_memory:
            loader.pin_memory = False
        if loader.get('batch_sampler') and loader.get('drop_last'):
            raise ConfigError(
                f'{field}.drop_last=True is not allowed beside a batch_sampler: set '
                f'{field}.drop_last=False and {field}.batch_sampler.drop_last=True'
            )
        if loader.get('num_workers', 0) == 0:
            # PyTorch refuses persistent workers if there are none.
            loader.persistent_workers = False
        cfg[field] = loader
        for key, folder, dataset in data_roots(
            loader.get('dataset'), f'{field}.dataset'
        ):
            if _is_missing(folder, dataset):
                raise ConfigError(f'{key}={folder!r}: there is no such folder')


def data_roots(cfg: Any, key: str) -> Iterator[tuple[str, str, dict]]:
    """Yield every ``data_root`` below a config, with its dotted key and its dataset."""
    children: Iterable = ()
    if isinstance(cfg, dict):
        if cfg.get('data_root'):
            yield f'{key}.data_root', cfg['data_root'], cfg
        children = [item for item in cfg.items() if item[0] != 'pipeline']
    elif isinstance(cfg, (list, tuple)):
        children = enumerate(cfg)
    for name, value in children:
        yield from data_roots(value, f'{key}.{name}')


def _is_missing(folder: str, dataset: dict) -> bool:
    """Whether a local ``data_root`` does not exist and will not be downloaded."""
    if '://' in folder or os.path.isdir(os.path.expanduser(folder)):
        return False
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    arguments: dict[str, Any] = {}
    for cls in getattr(kind, '__mro__', ()):  # CIFAR100 inherits it from CIFAR10
        arguments.update(inspect.signature(cls.__init__).parameters)
    return not ('download' in arguments and dataset.get('download', True))

"""Rewrites configs of small images for training from memory."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config, ConfigDict

from ..datasets.pipelines import pipeline_owners
from ..errors import ConfigError
from ..settings import name_of_type

#: Transforms that are not random and stay in the pipeline.
FIXED = ('LoadImageFromFile', 'Resize', 'CenterCrop', 'PackInputs')


#: Evaluation loops for datasets in memory.
LOOPS = dict(val='BulkValLoop', test='BulkTestLoop')


def use_memory(cfg: Config) -> None:
    """Let a config's dataloaders read from memory, with the same distribution.

    ``RandomCrop`` with padding and ``RandomFlip`` move from the training pipeline into the
    preprocessor; the datasets are wrapped in ``InMemoryDataset``.

    Args:
        cfg: The config, changed in place.

    Raises:
        ConfigError: The training pipeline has other random transforms, or one of these
            twice, or the preprocessor has another type.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.in_memory import use_memory
        >>> crop = dict(type='RandomCrop', crop_size=32, padding=4)
        >>> dataset = dict(type='CIFAR10', pipeline=[crop, dict(type='PackInputs')])
        >>> cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
        >>> use_memory(cfg)
        >>> cfg.data_preprocessor.crop_padding
        4
    """
    train = cfg.train_dataloader.dataset
    draws = move_draws(train, 'train_dataloader')
    for stage in ('train', 'val', 'test'):
        loader = cfg.get(f'{stage}_dataloader')
        if loader is None:
            continue
        if stage != 'train':
            move_draws(loader.dataset, f'{stage}_dataloader', allowed=())
        loader.dataset = ConfigDict(type='InMemoryDataset', dataset=loader.dataset)
        for key in ('prefetch_factor', 'timeout', 'worker_init_fn'):  # for workers
            loader.pop(key, None)
        loader.update(
            num_workers=0,
            persistent_workers=False,
            pin_memory=False,
            collate_fn=dict(type='whole_batch'),
        )
        if stage in LOOPS and cfg.get(f'{stage}_cfg') is not None:
            cfg[f'{stage}_cfg'].type = LOOPS[stage]
    # mmengine takes the model's own first.
    owner = cfg.model if (cfg.get('model') or {}).get('data_preprocessor') else cfg
    preprocessor = owner.get('data_preprocessor') or {}
    kind = name_of_type({'type': 'ClsDataPreprocessor', **preprocessor})
    if kind not in ('ClsDataPreprocessor', 'BatchAugmentPreprocessor'):
        raise ConfigError(
            f'data_preprocessor.type={kind!r}: from memory it is BatchAugmentPreprocessor '
            'in the place of ClsDataPreprocessor; leave out --in-memory'
        )
    owner.data_preprocessor = dict(
        preprocessor, type='BatchAugmentPreprocessor', **draws
    )


def move_draws(
    dataset: Any, name: str, allowed: tuple[str, ...] = ('RandomCrop', 'RandomFlip')
) -> dict:
    """Remove the random transforms from a dataset's pipelines.

    Args:
        dataset: The config of a dataset, changed in place.
        name: Name of its dataloader in the config.
        allowed: Random transforms that it may contain.

    Returns:
        dict: Arguments of ``BatchAugmentPreprocessor``.
    """
    found: list[dict] = []
    for owner in pipeline_owners(dataset):
        arguments, kept = split_pipeline(owner['pipeline'], name, allowed)
        owner['pipeline'] = kept
        if arguments not in found:
            found.append(arguments)
    if len(found) > 1:
        raise ConfigError(
            f'{name}.dataset has parts with different crops and flips: from memory all '
            'are drawn alike; leave out --in-memory'
        )
    return found[0] if found else {}


def split_pipeline(
    pipeline: list, name: str, allowed: tuple[str, ...]
) -> tuple[dict, list]:
    """Remove the random transforms from one pipeline.

    Returns:
        tuple: Arguments of ``BatchAugmentPreprocessor``, and the transforms that stay.
    """
    arguments: dict[str, Any] = {}
    kept = []
    for transform in pipeline:
        kind = name_of_type(transform)
        # A random transform before one of these would now come after it.
        if kind in FIXED and (kind == 'PackInputs' or not arguments):
            kept.append(transform)
            continue
        rest = {k: v for k, v in transform.items() if k != 'type'}
        twice = any(
            other is not transform and name_of_type(other) == kind for other in pipeline
        )
        if kind not in allowed or not _understood(kind, rest) or twice:
            raise ConfigError(
                f'{name}.dataset.pipeline has {transform}: from memory only one RandomCrop '
                'with an integer padding and one horizontal RandomFlip can be drawn, in '
                'training and after all other transforms; leave out --in-memory'
            )
        if kind == 'RandomCrop':
            arguments.update(crop_size=rest['crop_size'], crop_padding=rest['padding'])
        else:
            arguments['flip_prob'] = rest['prob']
    return arguments, kept


def _understood(kind: str, rest: dict) -> bool:
    if kind == 'RandomCrop':
        return set(rest) == {'crop_size', 'padding'} and isinstance(
            rest['padding'], int
        )
    direction = rest.pop('direction', 'horizontal')
    return set(rest) == {'prob'} and direction == 'horizontal'

"""Iterates over every image of a dataset once, as in an evaluation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.runner import Runner

from ..datasets.pipelines import find_pipeline, use_pipeline
from ..errors import ConfigError
from ..settings import name_of_type


def images_once(
    runner: Runner,
    loader: Any,
    evaluation: Any,
    owner: str,
    sampler: dict | None = None,
) -> Any:
    """A dataloader over the images of another one, each once and without augmentation.

    Args:
        runner: The runner, which builds it.
        loader: Config of the other dataloader, which is not changed.
        evaluation: Config of a dataloader that provides batch size and pipeline.
        owner: Who needs the images, for the error message.
        sampler: Config of the sampler; None is ``DefaultSampler``.

    Returns:
        DataLoader: This rank's share of the images, without padding, so none counts twice.

    Raises:
        ConfigError: The pipeline makes several views of an image.
    """
    pipeline = find_pipeline(evaluation.dataset)
    if pipeline and name_of_type(pipeline[-1]) == 'TestTimeAug':
        raise ConfigError(
            f'{owner} has no use for augmented images: test without --tta'
        )
    loader = copy.deepcopy(loader)
    # Removed first, because an update would merge the samplers' arguments.
    for key in ('sampler', 'batch_sampler'):
        loader.pop(key, None)
    loader.update(
        sampler={
            **(sampler or dict(type='DefaultSampler')),
            'shuffle': False,
            'round_up': False,
        },
        batch_size=evaluation.batch_size,
        drop_last=False,
    )
    use_pipeline(loader.dataset, pipeline)
    return runner.build_dataloader(loader)


def batches(dataloader: Any, preprocess: Callable) -> Iterator[tuple[Any, Any]]:
    """Inputs and data samples of every batch, preprocessed as in evaluation."""
    for batch in dataloader:
        batch = preprocess(batch, training=False)
        yield batch['inputs'], batch['data_samples']

"""Pipelines of nested datasets, and in their configs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..labels import whole_of_slice


def pipeline_owners(dataset: Any) -> Iterator[dict]:
    """The configs that have a pipeline within a dataset's config, through all wrappers.

    Example:
        >>> from mmlt_plugin.datasets.pipelines import pipeline_owners
        >>> parts = [dict(pipeline=[1]), dict(dataset=dict(pipeline=[2]))]
        >>> [owner['pipeline'] for owner in pipeline_owners(dict(datasets=parts))]
        [[1], [2]]
    """
    if isinstance(dataset, dict):
        if 'pipeline' in dataset:
            yield dataset
        for part in (dataset.get('dataset'), *(dataset.get('datasets') or ())):
            yield from pipeline_owners(part)


def find_pipeline(dataset: Any) -> list:
    """The first non-empty pipeline in a dataset's config.

    Example:
        >>> from mmlt_plugin.datasets.pipelines import find_pipeline
        >>> find_pipeline(dict(type='Wrapper', dataset=dict(pipeline=[1, 2])))
        [1, 2]
    """
    pipelines = (owner['pipeline'] for owner in pipeline_owners(dataset))
    return next(filter(None, pipelines), [])


def use_pipeline(dataset: Any, pipeline: list) -> None:
    """Replace every pipeline in a dataset's config by another one.

    Example:
        >>> from mmlt_plugin.datasets.pipelines import use_pipeline
        >>> config = dict(type='Wrapper', dataset=dict(pipeline=[1, 2]))
        >>> use_pipeline(config, [3])
        >>> config['dataset']
        {'pipeline': [3]}
    """
    for owner in pipeline_owners(dataset):
        owner['pipeline'] = pipeline


def datasets_with_pipeline(dataset: Any) -> Iterator[Any]:
    """The datasets that have a pipeline of their own, through all wrappers.

    Example:
        >>> from mmlt_plugin.datasets import Digits, RedrawBroken
        >>> from mmlt_plugin.datasets.pipelines import datasets_with_pipeline
        >>> digits = Digits(split='train')
        >>> list(datasets_with_pipeline(RedrawBroken(digits))) == [digits]
        True
    """
    dataset = whole_of_slice(dataset)
    if hasattr(dataset, 'pipeline'):
        yield dataset
    for part in [getattr(dataset, 'dataset', None), *getattr(dataset, 'datasets', [])]:
        if part is not None:
            yield from datasets_with_pipeline(part)

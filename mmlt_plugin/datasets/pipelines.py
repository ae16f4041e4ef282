"""Pipelines in the configs of nested datasets."""

from __future__ import annotations

from typing import Any


def find_pipeline(dataset: Any) -> list:
    """The first pipeline in a dataset's config, through any nest of wrappers.

    Example:
        >>> from mmlt_plugin.datasets.pipelines import find_pipeline
        >>> find_pipeline(dict(type='Wrapper', dataset=dict(pipeline=[1, 2])))
        [1, 2]
    """
    if not isinstance(dataset, dict):
        return []
    parts = [dataset.get('dataset'), *dataset.get('datasets', [])]
    found = [dataset.get('pipeline'), *map(find_pipeline, parts)]
    return next(filter(None, found), [])


def use_pipeline(dataset: Any, pipeline: list) -> None:
    """Put a pipeline into a dataset's config, through any nest of wrappers.

    Example:
        >>> from mmlt_plugin.datasets.pipelines import use_pipeline
        >>> config = dict(type='Wrapper', dataset=dict(pipeline=[1, 2]))
        >>> use_pipeline(config, [3])
        >>> config['dataset']
        {'pipeline': [3]}
    """
    if isinstance(dataset, dict):
        if 'pipeline' in dataset:
            dataset['pipeline'] = pipeline
        for key in ('dataset', 'datasets'):
            use_pipeline(dataset.get(key), pipeline)
    elif isinstance(dataset, (list, tuple)):
        for part in dataset:
            use_pipeline(part, pipeline)

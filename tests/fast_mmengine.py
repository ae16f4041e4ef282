"""Shortens what a small training spends on things other than training."""

import functools
import gc

import mmengine.config.config as config
from yapf.yapflib import yapf_api


def install():
    """Lay a config out once, and leave what was imported out of garbage collections.

    mmengine lays the same config out by yapf for the log, the work dir, TensorBoard and each
    checkpoint, and collects garbage for each dataset: a third of a small training's time.
    """
    lay_out = yapf_api.FormatCode

    @functools.lru_cache
    def once(text, style, **options):
        return lay_out(text, style_config=dict(style), **options)

    def cached(text, style_config, **options):
        return once(text, tuple(style_config.items()), **options)

    # mmengine imports it with its module, the fork of it when it lays out.
    yapf_api.FormatCode = cached
    config.FormatCode = cached
    gc.collect()
    gc.freeze()

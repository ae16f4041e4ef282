"""Compiles models for training."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample

from ...datasets.bulk import in_one_sample
from ...errors import ConfigError
from ...weights import unwrapped

#: Modes with CUDA graphs, which own the memory of their outputs.
CUDA_GRAPHS = ('reduce-overhead', 'max-autotune')


@HOOKS.register_module()
class CompileHook(Hook):
    """Compile forward pass, head and loss of the training into one graph.

    mmengine's ``compile`` option compiles the whole training step, with optimizer and
    labels, in many pieces. Here the graph is ``ImageClassifier.loss`` with the batch's
    labels as one tensor: everything between the images and the terms of the loss. A new
    alpha or learning rate does not recompile; another batch size or another loss does, once.

    This pays off on GPUs, where small networks spend their time launching kernels.
    Parameters, checkpoints and evaluation are unaffected.

    Args:
        mode: ``default``, ``reduce-overhead`` (CUDA graphs) or ``max-autotune``, as in
            ``torch.compile``.
        **kwargs: Further arguments of ``torch.compile``.

    Raises:
        ConfigError: The model overrides ``loss``, like manifold mixup, or CUDA graphs are
            combined with gradient accumulation.

    Example:
        >>> custom_hooks = [dict(type='CompileHook', mode='reduce-overhead')]
    """

    def __init__(self, mode: str = 'default', **kwargs: Any) -> None:
        # One graph per batch size: one for full batches, one for the last.
        self.options = dict(dict(mode=mode, dynamic=False), **kwargs)
        if 'options' in kwargs:
            del self.options['mode']  # torch.compile takes one or the other

    def before_train(self, runner: Runner) -> None:
        """Replace the model's ``loss`` by the compiled one."""
        model = unwrapped(runner.model)
        if getattr(type(model), 'loss', None) is not ImageClassifier.loss:
            raise ConfigError(
                f'CompileHook compiles classifiers with the loss of ImageClassifier, '
                f'which {type(model).__name__} overrides: remove CompileHook (--compile)'
            )
        if (
            self.options.get('mode') in CUDA_GRAPHS
            and getattr(runner.optim_wrapper, '_accumulative_counts', 1) > 1
        ):
            raise ConfigError(
                f'CompileHook with mode={self.options["mode"]!r} would overwrite gradients '
                'that optim_wrapper.accumulative_counts gathers: use mode="default"'
            )
        # DistributedDataParallel would cut the graph, and with it CUDA graphs, at its
        # buckets.
        self._optimize_ddp = torch._dynamo.config.optimize_ddp
        torch._dynamo.config.optimize_ddp = False
        compiled = torch.compile(model.loss, **self.options)

        def loss(inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
            torch.compiler.cudagraph_mark_step_begin()
            return compiled(inputs, in_one_sample(data_samples))

        model.loss = loss

    def after_train(self, runner: Runner) -> None:
        """Restore the model."""
        vars(unwrapped(runner.model)).pop('loss', None)
        torch._dynamo.config.optimize_ddp = self._optimize_ddp

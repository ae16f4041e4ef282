"""Models compiled for training."""

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

#: Modes whose graphs own the memory of their outputs.
CUDA_GRAPHS = ('reduce-overhead', 'max-autotune')


@HOOKS.register_module()
class CompileHook(Hook):
    """Compile the training's forward pass, head and loss into one graph.

    mmengine's ``compile`` option compiles the whole training step, optimizer and labels
    included, in many pieces. Here the graph is ``ImageClassifier.loss``, with the batch's
    labels as one tensor: everything between the images and the terms of the loss.
    Schedules of alpha and of the learning rate do not compile anew; a batch of another
    size, or another loss, does, once.

    It pays on GPUs, where small nets spend their time on launching kernels. Parameters,
    checkpoints and evaluation stay as they are.

    Args:
        mode: ``default``, ``reduce-overhead`` (CUDA graphs) or ``max-autotune``, as in
            ``torch.compile``.
        **kwargs: Further arguments of ``torch.compile``.

    Raises:
        ConfigError: The model has a ``loss`` of its own, as manifold mixup has, or CUDA
            graphs meet gradient accumulation.

    Example:
        >>> custom_hooks = [dict(type='CompileHook', mode='reduce-overhead')]
    """

    def __init__(self, mode: str = 'default', **kwargs: Any) -> None:
        # Every size of a batch has its graph: one for full ones, one for the last.
        self.options = dict(dict(mode=mode, dynamic=False), **kwargs)
        if 'options' in kwargs:
            del self.options['mode']  # torch.compile takes one or the other

    def before_train(self, runner: Runner) -> None:
        """Put the compiled function before the model's own."""
        model = unwrapped(runner.model)
        if getattr(type(model), 'loss', None) is not ImageClassifier.loss:
            raise ConfigError(
                f'CompileHook compiles classifiers with the loss of ImageClassifier, '
                f'which {type(model).__name__} has not: remove CompileHook (--compile)'
            )
        if (
            self.options.get('mode') in CUDA_GRAPHS
            and getattr(runner.optim_wrapper, '_accumulative_counts', 1) > 1
        ):
            raise ConfigError(
                f'CompileHook with mode={self.options["mode"]!r} would overwrite gradients '
                'that optim_wrapper.accumulative_counts gathers: use mode="default"'
            )
        # Within DistributedDataParallel the graph would be cut at its buckets, and CUDA
        # graphs with it.
        self._optimize_ddp = torch._dynamo.config.optimize_ddp
        torch._dynamo.config.optimize_ddp = False
        compiled = torch.compile(model.loss, **self.options)

        def loss(inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
            torch.compiler.cudagraph_mark_step_begin()
            return compiled(inputs, in_one_sample(data_samples))

        model.loss = loss

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        vars(unwrapped(runner.model)).pop('loss', None)
        torch._dynamo.config.optimize_ddp = self._optimize_ddp

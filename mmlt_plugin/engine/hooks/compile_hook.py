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
        ConfigError: The model has a ``loss`` of its own, as manifold mixup has.

    Example:
        >>> custom_hooks = [dict(type='CompileHook', mode='reduce-overhead')]
    """

    def __init__(self, mode: str = 'default', **kwargs: Any) -> None:
        # Every size of a batch has its graph: one for full ones, one for the last.
        self.options = dict(dict(mode=mode, dynamic=False), **kwargs)
        if 'options' in kwargs or 'backend' in kwargs:
            del self.options['mode']  # torch.compile takes one or the other

    def before_train(self, runner: Runner) -> None:
        """Put the compiled function before the model's own."""
        model = unwrapped(runner.model)
        if getattr(type(model), 'loss', None) is not ImageClassifier.loss:
            raise ConfigError(
                f'CompileHook compiles classifiers with the loss of ImageClassifier, '
                f'which {type(model).__name__} has not: remove CompileHook (--compile)'
            )
        eager = model.loss
        compiled = torch.compile(eager, **self.options)
        known = None

        def loss(inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
            nonlocal known
            data_samples = in_one_sample(data_samples)
            loss_module = getattr(model.head, 'loss_module', None)
            if known is not loss_module:
                # A loss's first batch takes its class counts to the device: as a graph
                # that would be one of its own, for one iteration.
                known = loss_module
                return eager(inputs, data_samples)
            torch.compiler.cudagraph_mark_step_begin()
            return compiled(inputs, data_samples)

        model.loss = loss

    def after_train(self, runner: Runner) -> None:
        """Leave the model as it was."""
        vars(unwrapped(runner.model)).pop('loss', None)

"""Memory layout of convolutional networks."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Store the weights, and thereby all feature maps, in channels-last layout.

    Convolutions in bfloat16 and float16 are fast in this layout. Checkpoints and results
    are the same up to rounding.

    Example:
        >>> default_hooks = dict(channels_last=dict(type='ChannelsLastHook'))
    """

    def before_train(self, runner: Runner) -> None:
        """Change the layout of the weights."""
        runner.model.to(memory_format=torch.channels_last)

    before_val = before_train
    before_test = before_train

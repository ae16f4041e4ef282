"""Memory layout of convolutional nets."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the weights, and with them all feature maps, with the channels last.

    The layout that convolutions in bfloat16 or float16 are fast in. Values, checkpoints
    and results stay what they are, up to rounding.

    Example:
        >>> default_hooks = dict(channels_last=dict(type='ChannelsLastHook'))
    """

    def before_train(self, runner: Runner) -> None:
        """Lay the weights out anew."""
        runner.model.to(memory_format=torch.channels_last)

    before_val = before_train
    before_test = before_train

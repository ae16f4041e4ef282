"""TensorFloat32 on GPUs."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...checks import check_choice

PRECISIONS = ('highest', 'high', 'medium')


@HOOKS.register_module()
class MatmulPrecisionHook(Hook):
    """Set the precision of float32 products on GPUs, in linear layers and convolutions.

    Args:
        precision: ``highest`` is float32; ``high`` is TensorFloat32, several times as fast,
            with a mantissa of 10 bits; ``medium`` may be bfloat16.

    Raises:
        ConfigError: ``precision`` is unknown.

    Example:
        >>> custom_hooks = [dict(type='MatmulPrecisionHook', precision='high')]
    """

    def __init__(self, precision: str = 'high') -> None:
        check_choice('precision of MatmulPrecisionHook', precision, PRECISIONS)
        self.precision = precision

    def before_run(self, runner: Runner) -> None:
        """Set the precision; PyTorch's default for convolutions is TensorFloat32."""
        torch.set_float32_matmul_precision(self.precision)
        torch.backends.cudnn.allow_tf32 = self.precision != 'highest'

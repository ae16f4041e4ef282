"""Optimizers of what learns."""

from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmpretrain.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ...errors import ConfigError


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOnlyConstructor(DefaultOptimWrapperConstructor):
    """Leave frozen parameters out of the optimizer and its checkpoints.

    mmengine's constructor hands all parameters to the optimizer, those that do not learn
    too. Arguments as there: ``optim_wrapper_cfg``, ``paramwise_cfg``.

    Raises:
        ConfigError: No parameter learns.

    Example:
        >>> optim_wrapper = dict(
        ...     constructor='TrainableOnlyConstructor',
        ...     optimizer=dict(type='SGD', lr=0.1),
        ... )
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper."""
        if not any(p.requires_grad for p in model.parameters()):
            raise ConfigError('no parameter of the model learns: all are frozen')
        optim_wrapper = super().__call__(model)
        groups = optim_wrapper.optimizer.param_groups
        for group in groups:
            group['params'] = [p for p in group['params'] if p.requires_grad]
        groups[:] = [group for group in groups if group['params']]
        return optim_wrapper

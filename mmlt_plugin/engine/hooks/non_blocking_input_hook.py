"""Copies batches to the device while it computes."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample

from ...transfer import to_device
from ...weights import unwrapped


@HOOKS.register_module()
class NonBlockingInputHook(Hook):
    """Send images and labels to the device without waiting for it.

    mmpretrain's preprocessor waits for every copy, and thus for all work queued on the
    device, which then idles until the first operations of the next iteration arrive. With
    ``pin_memory=True`` in the dataloader, images are copied while the device computes. The
    values are the same.

    Example:
        >>> default_hooks = dict(non_blocking_input=dict(type='NonBlockingInputHook'))
    """

    def before_run(self, runner: Runner) -> None:
        """Switch the preprocessor to copies without waiting."""
        preprocessor = getattr(unwrapped(runner.model), 'data_preprocessor', None)
        self.handle = None
        if isinstance(preprocessor, BaseDataPreprocessor):
            # mmengine's own switch, to which mmpretrain's classifiers give no access.
            preprocessor._non_blocking = True
            self.handle = preprocessor.register_forward_pre_hook(send_labels)

    def after_run(self, runner: Runner) -> None:
        """Restore the preprocessor's handling of labels."""
        if self.handle is not None:
            self.handle.remove()


def send_labels(preprocessor: BaseDataPreprocessor, args: tuple[Any, ...]) -> None:
    """Copy the labels of a batch at once to where the preprocessor would copy them."""
    samples = args[0].get('data_samples') if isinstance(args[0], dict) else None
    if not samples:
        return
    if not all(isinstance(s, DataSample) and 'gt_label' in s for s in samples):
        return
    labels = [sample.gt_label for sample in samples]
    if labels[0].device.type == preprocessor.device.type:  # from memory, or on a CPU
        return
    sent = to_device(torch.cat(labels), preprocessor.device)
    for sample, label in zip(samples, sent.split([len(label) for label in labels])):
        sample.set_field(label, 'gt_label', dtype=torch.Tensor)

"""Evaluation of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import LOOPS
from mmpretrain.structures import DataSample

from ...datasets.bulk import one_an_image
from ...weights import unwrapped


class BulkLoop:
    """A batch's labels and predictions as one sample, where its readers can take it.

    mmpretrain makes a ``DataSample`` for each image twice, in the dataset and of the
    predictions. That takes longer than a small net. A metric with the attribute
    ``takes_bulk`` gets one sample with ``gt_label`` and ``pred_label`` of shape (B,) and
    ``pred_score`` (B, C) instead. With any other metric, head or model, every image has
    its sample as ever.
    """

    stage: str
    runner: Any
    evaluator: Evaluator
    fp16: bool

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Evaluate a batch."""
        names = dict(batch_idx=idx, data_batch=data_batch)
        self.runner.call_hook(f'before_{self.stage}_iter', **names)
        with autocast(enabled=self.fp16):
            outputs = self.predict(self.runner.model, data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(f'after_{self.stage}_iter', **names, outputs=outputs)

    def predict(self, model: Any, data_batch: dict) -> Sequence[DataSample]:
        """Predictions of a batch, as one sample or as one for each image."""
        in_bulk = all(getattr(m, 'takes_bulk', False) for m in self.evaluator.metrics)
        if in_bulk and is_plain_classifier(unwrapped(model)):
            model = unwrapped(model)
            batch = model.data_preprocessor(data_batch, False)
            samples = batch['data_samples']
            if len(samples) == 1:
                scores = model(batch['inputs'], mode='tensor').softmax(1)
                # Not set_pred_score: it takes the batch for the number of classes.
                samples[0].set_field(scores, 'pred_score', dtype=torch.Tensor)
                return [samples[0].set_pred_label(scores.argmax(1))]
        samples = one_an_image(data_batch['data_samples'])
        step = getattr(model, f'{self.stage}_step')
        return step(dict(data_batch, data_samples=samples))


def is_plain_classifier(model: Any) -> bool:
    """Whether its predictions are the softmax of its head, as in mmpretrain's own."""
    head = getattr(model, 'head', None)
    return (
        isinstance(head, ClsHead)
        and type(head).predict is ClsHead.predict
        and type(head)._get_predictions is ClsHead._get_predictions
        and type(model).val_step is BaseModel.val_step
        and type(model).test_step is BaseModel.test_step
    )


@LOOPS.register_module()
class BulkValLoop(BulkLoop, ValLoop):
    """mmengine's ``ValLoop`` in bulk, see :class:`BulkLoop`.

    Example:
        >>> val_cfg = dict(type='BulkValLoop')
    """

    stage = 'val'


@LOOPS.register_module()
class BulkTestLoop(BulkLoop, TestLoop):
    """mmengine's ``TestLoop`` in bulk, see :class:`BulkLoop`.

    Example:
        >>> test_cfg = dict(type='BulkTestLoop')
    """

    stage = 'test'

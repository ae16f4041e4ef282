"""Evaluation of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.runner import TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmpretrain.engine import VisualizationHook
from mmpretrain.models import ImageClassifier
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import LOOPS
from mmpretrain.structures import DataSample

from ...datasets.bulk import is_bulk, one_an_image
from ...weights import unwrapped


class BulkLoop:
    """Evaluates a batch as a single ``DataSample`` if all of its readers support that.

    mmpretrain makes two ``DataSample`` objects per image, in the dataset and for the
    prediction, which takes longer than a small network. A metric with the attribute
    ``takes_bulk`` gets one sample for the batch instead, with ``gt_label`` and
    ``pred_label`` of shape (B,) and ``pred_score`` of shape (B, C). With any other metric,
    head or model there is one sample per image, as usual.
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
        """Predictions of a batch, as one sample or as one per image."""
        step = getattr(model, f'{self.stage}_step')
        if not is_bulk(data_batch['data_samples']):
            return step(data_batch)
        plain = unwrapped(model)
        if not (self._readers_take_bulk() and is_plain_classifier(plain)):
            samples = one_an_image(data_batch['data_samples'])
            return step(dict(data_batch, data_samples=samples))
        batch = plain.data_preprocessor(data_batch, False)
        scores = plain(batch['inputs'], mode='tensor').softmax(1)
        (sample,) = batch['data_samples']
        # Not set_pred_score, which would take the batch size for the number of classes.
        sample.set_field(scores, 'pred_score', dtype=torch.Tensor)
        return [sample.set_pred_label(scores.argmax(1))]

    def _readers_take_bulk(self) -> bool:
        shown = any(
            isinstance(hook, VisualizationHook) and hook.enable
            for hook in self.runner.hooks
        )
        metrics = self.evaluator.metrics
        return not shown and all(getattr(m, 'takes_bulk', False) for m in metrics)


def is_plain_classifier(model: Any) -> bool:
    """Whether predictions are the softmax of the head's logits, as in mmpretrain."""
    head = getattr(model, 'head', None)
    return (
        isinstance(model, ImageClassifier)
        and all(
            getattr(type(model), name) is getattr(ImageClassifier, name)
            for name in ('forward', 'predict', 'val_step', 'test_step')
        )
        and isinstance(head, ClsHead)
        and type(head).predict is ClsHead.predict
        and type(head)._get_predictions is ClsHead._get_predictions
    )


@LOOPS.register_module()
class BulkValLoop(BulkLoop, ValLoop):
    """mmengine's ``ValLoop`` for whole batches, see :class:`BulkLoop`.

    Example:
        >>> val_cfg = dict(type='BulkValLoop')
    """

    stage = 'val'


@LOOPS.register_module()
class BulkTestLoop(BulkLoop, TestLoop):
    """mmengine's ``TestLoop`` for whole batches, see :class:`BulkLoop`.

    Example:
        >>> test_cfg = dict(type='BulkTestLoop')
    """

    stage = 'test'

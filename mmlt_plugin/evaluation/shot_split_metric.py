"""Accuracy on many-, medium- and few-shot classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmpretrain.registry import METRICS

from ..class_counts import by_frequency, shot_splits
from ..errors import ConfigError, lacks_counts


@METRICS.register_module()
class ShotSplitMetric(BaseMetric):
    """Top-1 accuracy over all, many-, medium- and few-shot classes, in percent.

    Liu et al., CVPR 2019: accuracy is computed per class and averaged over the classes of a
    split, which depends on their *training* images (``ClassCountsHook`` provides the counts,
    in testing from the checkpoint). A split without classes is left out of the results
    rather than reported as 0. A class without test images is left out of the means and
    counted in ``shot/untested_classes``.

    Args:
        many: Classes with more training images are many-shot.
        few: Classes with fewer training images are few-shot.
        per_class: Whether to report every class as well, as ``shot/class_<id>``, and to log
            it with its name.
        class_counts: Training images per class, if no hook provides them.
        collect_device: ``cpu`` or ``gpu``, as in mmengine.
        prefix: Prefix of the names, ``shot`` by default.

    Returns:
        dict: ``shot/all``, ``shot/many``, ``shot/medium``, ``shot/few`` (means over
        classes) and ``shot/micro`` (mean over images), each in 0..100.

    Raises:
        ConfigError: A score is not finite, a label lies outside the classes, or the class
            counts are unknown.

    Example:
        >>> from mmlt_plugin.evaluation import ShotSplitMetric
        >>> metric = ShotSplitMetric(class_counts=[500, 50, 5])
        >>> metric.compute_metrics([(0, 0), (1, 1), (1, 0), (0, 2)])
        {'all': 50.0, 'many': 50.0, 'medium': 100.0, 'few': 0.0, 'micro': 50.0}
    """

    default_prefix = 'shot'
    #: One sample may stand for a batch, see ``BulkLoop``.
    takes_bulk = True

    def __init__(
        self,
        many: int = 100,
        few: int = 20,
        per_class: bool = False,
        class_counts: Sequence[int] | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        shot_splits([], many, few)  # checks the thresholds
        self.many = many
        self.few = few
        self.per_class = per_class
        self.counts = None if class_counts is None else np.asarray(class_counts)
        self._counts_from_config = class_counts is not None
        self._told_splits = False

    def set_class_counts(self, counts: Sequence[int] | np.ndarray) -> None:
        """Set the training images per class, shape (C,), unless the config has them."""
        if not self._counts_from_config:
            self.counts = np.asarray(counts, dtype=np.int64)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect (prediction, label) of every image, so that padding can be removed.

        Args:
            data_batch: Not used.
            data_samples: One per image, or one for the whole batch with ``gt_label`` and
                ``pred_label`` (B,) or ``pred_score`` (B, C).
        """
        labels = torch.cat([sample['gt_label'] for sample in data_samples])
        scores = predictions = None
        if 'pred_score' in data_samples[0]:
            scores = torch.stack([sample['pred_score'] for sample in data_samples])
            scores = scores.flatten(0, -2)
        if 'pred_label' in data_samples[0]:
            predictions = torch.cat([sample['pred_label'] for sample in data_samples])
        elif scores is not None:
            predictions = scores.argmax(dim=1)
        if predictions is None or len(predictions) != len(labels):
            raise ConfigError(
                'ShotSplitMetric takes images with exactly one label and one prediction '
                f'each, and got {len(labels)} labels and '
                f'{0 if predictions is None else len(predictions)} predictions; images '
                "from memory need val_cfg=dict(type='BulkValLoop') and test_cfg=dict("
                "type='BulkTestLoop')"
            )
        finite = torch.ones_like(labels) if scores is None else scores.isfinite().all(1)
        columns = [predictions, labels, finite]
        # One transfer per batch, whatever the device.
        rows = torch.stack([c.to(labels) for c in columns], dim=1).tolist()
        for number, (*_, good) in enumerate(rows):
            if not good:
                raise ConfigError(
                    'ShotSplitMetric got a score that is not finite for the image '
                    f"{_name_of(number, data_samples)}: the checkpoint's weights or the "
                    'test data are broken'
                )
        self.results.extend((prediction, label) for prediction, label, _ in rows)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Accuracies in percent from the (prediction, label) of every image."""
        if self.counts is None:
            raise lacks_counts('ShotSplitMetric', 'class_counts=[...] to the evaluator')
        if not results:
            raise ConfigError('ShotSplitMetric: the test dataset has no images')
        predictions, labels = np.asarray(results, dtype=np.int64).T
        num_classes = len(self.counts)
        if labels.min() < 0 or labels.max() >= num_classes:
            bad = labels[(labels < 0) | (labels >= num_classes)][0]
            raise ConfigError(
                f'test label {bad} lies outside 0..{num_classes - 1}, the classes that '
                'were trained'
            )
        images = np.bincount(labels, minlength=num_classes)
        hits = np.bincount(labels[predictions == labels], minlength=num_classes)
        tested = images > 0
        accuracy = np.full(num_classes, np.nan)
        accuracy[tested] = 100 * hits[tested] / images[tested]

        splits = shot_splits(self.counts, self.many, self.few)
        self._tell_splits(splits)
        metrics = {}
        for name, classes in [('all', np.arange(num_classes)), *splits.items()]:
            classes = classes[tested[classes]]
            if len(classes):
                metrics[name] = float(accuracy[classes].mean())
        metrics['micro'] = float(100 * hits.sum() / len(labels))
        if not tested.all():
            metrics['untested_classes'] = float((~tested).sum())
        if self.per_class:
            metrics.update(
                {f'class_{c}': float(accuracy[c]) for c in np.flatnonzero(tested)}
            )
            self._tell_classes(self.counts, accuracy, images)
        return metrics

    def _tell_classes(
        self, counts: np.ndarray, accuracy: np.ndarray, images: np.ndarray
    ) -> None:
        """Log every class with its name, from the most to the least frequent."""
        names = (self.dataset_meta or {}).get('classes') or range(len(accuracy))
        for c in by_frequency(counts):
            found = f'{accuracy[c]:.2f} % of {images[c]} test images'
            print_log(
                f'class {c} ({names[c]}): {counts[c]} training images, '
                + (found if images[c] else 'no test images'),
                'current',
            )

    def _tell_splits(self, splits: dict[str, np.ndarray]) -> None:
        """Log once how many classes the splits have."""
        if not self._told_splits:
            self._told_splits = True
            print_log(
                f'shot splits by training images: many (> {self.many}) '
                f'{len(splits["many"])} classes, medium {len(splits["medium"])}, few '
                f'(< {self.few}) {len(splits["few"])}',
                'current',
            )


def _name_of(number: int, data_samples: Sequence[dict]) -> Any:
    """Path or index of an image of a batch."""
    if len(data_samples) > 1:
        sample = data_samples[number]
        return sample.get('img_path') or sample.get('sample_idx')
    names = data_samples[0].get('img_path') or data_samples[0].get('sample_idx')
    return names[number] if isinstance(names, (list, tuple)) else names

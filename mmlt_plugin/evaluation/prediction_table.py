"""Predictions as a table for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmpretrain.registry import METRICS

from ..checks import check_number


@METRICS.register_module()
class PredictionTable(BaseMetric):
    """Write the likeliest classes of every image into a CSV file.

    It measures nothing and needs no labels; ``tools/predict.py`` uses it.

    Args:
        out_file: The CSV file, with the columns ``image`` and, for each rank k, ``class_k`` and
            ``score_k``, the head's score in 0..1.
        top: Number of classes per image, at most C.
        collect_device: ``cpu`` or ``gpu``, as in mmengine.

    Raises:
        ConfigError: ``top`` is not positive.

    Example:
        >>> import torch
        >>> from mmlt_plugin.evaluation import PredictionTable
        >>> path = getfixture('tmp_path') / 'table.csv'
        >>> table = PredictionTable(str(path), top=2)
        >>> table.dataset_meta = dict(classes=('cat', 'dog', 'owl'))
        >>> scores = torch.tensor([0.1, 0.7, 0.2])
        >>> table.process({}, [dict(img_path='a.jpg', pred_score=scores)])
        >>> _ = table.compute_metrics(table.results)
        >>> print(path.read_text().splitlines()[1])
        a.jpg,dog,0.7000,owl,0.2000
    """

    default_prefix = 'predictions'

    def __init__(
        self, out_file: str, top: int = 1, collect_device: str = 'cpu'
    ) -> None:
        super().__init__(collect_device=collect_device)
        check_number('top of PredictionTable', top, '[1, inf)', integer=True)
        self.out_file = out_file
        self.top = top

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the likeliest classes of every image.

        Args:
            data_batch: Not used.
            data_samples: One per image, with ``img_path`` and ``pred_score`` (C,).
        """
        scores = torch.stack([sample['pred_score'] for sample in data_samples])
        highest = scores.topk(min(self.top, scores.size(1)))
        columns = highest.indices.tolist(), highest.values.tolist()
        paths = [sample['img_path'] for sample in data_samples]
        self.results.extend(zip(paths, *columns))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Write the table; there are no numbers to report."""
        names = (self.dataset_meta or {}).get('classes')
        ranks = range(1, len(results[0][1]) + 1)
        # File names need not be UTF-8.
        with open(
            Path(self.out_file),
            'w',
            encoding='utf-8',
            errors='surrogateescape',
            newline='',
        ) as file:
            writer = csv.writer(file, lineterminator='\n')
            columns = [f'{kind}_{k}' for k in ranks for kind in ('class', 'score')]
            writer.writerow(['image', *columns])
            for path, classes, scores in results:
                cells = [
                    cell
                    for c, score in zip(classes, scores)
                    for cell in (names[c] if names else c, f'{score:.4f}')
                ]
                writer.writerow([path, *cells])
        return {}

"""Logged values that stay on the device until they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


class LazyHistoryBuffer(HistoryBuffer):
    """mmengine's history of a logged value, but tensors are only fetched when it is read.

    ``HistoryBuffer`` needs numbers, so every logged loss makes the host wait for the device
    in every iteration, and it copies its whole history for each value. Here values are kept
    as they come, and all new ones are fetched at once when a statistic is requested. Readers
    see the same numbers; copies and checkpoints contain plain ``HistoryBuffer`` objects.

    Args:
        log_history: Values so far.
        count_history: Their counts.
        max_length: Number of latest values to keep.

    Example:
        >>> import torch
        >>> from mmlt_plugin.engine.lazy_history import LazyHistoryBuffer
        >>> buffer = LazyHistoryBuffer([1.0], [1])
        >>> buffer.update(torch.tensor(3.0))
        >>> float(buffer.mean())
        2.0
    """

    #: Largest number of unread values, so that a history that is never read stays small.
    LIMIT = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._new_values: list[Any] = []
        self._new_counts: list[int] = []
        super().__init__(*args, **kwargs)

    def update(self, log_val: Any, count: int = 1) -> None:
        """Add a value: a number, or a tensor with one element on any device."""
        self._new_values.append(log_val)
        self._new_counts.append(count)
        if len(self._new_values) >= self.LIMIT:
            self._settle()

    def current(self) -> Any:
        """The latest value; fetches nothing if it is a number, as iteration times are."""
        if self._new_values and not isinstance(self._new_values[-1], torch.Tensor):
            return self._new_values[-1]
        return super().current()

    def _settle(self) -> None:
        if not self._new_values:
            return
        values, counts = self._new_values, self._new_counts
        self._new_values, self._new_counts = [], []
        places = [i for i, v in enumerate(values) if isinstance(v, torch.Tensor)]
        if places:
            device = values[places[0]].device
            dtype = torch.float32 if device.type == 'mps' else torch.float64
            fetched = torch.stack([values[i].to(dtype) for i in places]).tolist()
            for i, number in zip(places, fetched):
                values[i] = number
        self._log_history = np.append(self._settled_log, values)[-self.max_length :]
        self._count_history = np.append(self._settled_count, counts)[-self.max_length :]

    # All statistics of HistoryBuffer, including registered ones, read these.
    @property
    def _log_history(self) -> np.ndarray:
        self._settle()
        return self._settled_log

    @_log_history.setter
    def _log_history(self, values: np.ndarray) -> None:
        self._settled_log = values

    @property
    def _count_history(self) -> np.ndarray:
        self._settle()
        return self._settled_count

    @_count_history.setter
    def _count_history(self, counts: np.ndarray) -> None:
        self._settled_count = counts

    def __reduce__(self) -> tuple:
        return HistoryBuffer, (*self.data, self.max_length)

"""Class weights from the training images per class."""

from __future__ import annotations

import torch

from ...checks import check_choice, check_number

SCHEMES = ('inverse', 'effective')


def class_weights(
    counts: torch.Tensor, scheme: str | None, beta: float = 0.9999
) -> torch.Tensor:
    r"""Weight of every class; the mean over classes with images is 1.

    - None: all classes weigh the same,
    - ``inverse``: :math:`w_i \propto 1 / N_i`, the re-weighting (RW) of BBN Sec. 3,
    - ``effective``: :math:`w_i \propto (1 - \beta) / (1 - \beta^{N_i})`, the effective
      number of Cui et al., CVPR 2019, Eq. 4.

    Args:
        counts: Training images per class, shape (C,).
        scheme: One of the names above.
        beta: :math:`\beta \in [0, 1)` of ``effective``: at 0 all classes weigh the same,
            towards 1 it becomes ``inverse``.

    Returns:
        Tensor: float64 weights, shape (C,); 0 for classes without images.

    Raises:
        ConfigError: An argument lies outside its range.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models.losses import class_weights
        >>> class_weights(torch.tensor([30, 10, 0]), 'inverse').tolist()
        [0.5, 1.5, 0.0]
    """
    check_choice('scheme', scheme, (None, *SCHEMES))
    check_number('beta', beta, '[0, 1)')
    counts = counts.double()
    present = counts > 0
    safe = counts.clamp_min(1)
    if scheme == 'inverse':
        weights = 1 / safe
    elif scheme == 'effective':
        weights = (1 - beta) / (1 - beta**safe)
    else:
        weights = torch.ones_like(safe)
    weights = weights * present
    return weights / weights.sum() * present.sum()

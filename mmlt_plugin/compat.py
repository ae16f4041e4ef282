"""Workarounds for upstream problems, all in one place.

Each function is named after the problem it works around and says where that comes from.
``apply`` runs those without arguments when the package is imported. Each has a test that
fails once the problem is gone or the workaround no longer suffices.
"""

from __future__ import annotations

import os
import pickle
import re
from importlib.util import find_spec
from typing import Any

import torch

from .errors import ConfigError


def missing_openmmlab() -> None:
    """Say which packages to install if OpenMMLab's are missing.

    Two families of distributions, OpenMMLab's own and the onedl forks, share the
    import names, so the project's metadata cannot require either.

    Raises:
        ImportError: mmpretrain, mmengine or mmcv cannot be found.
    """
    missing = [
        name for name in ('mmpretrain', 'mmengine', 'mmcv') if not find_spec(name)
    ]
    if missing:
        raise ImportError(
            f"mmlt_plugin needs {' and '.join(missing)}: install OpenMMLab's packages "
            "with `pip install -e '.[openmmlab]'` or their maintained forks with "
            "`pip install -e '.[onedl]'` in mmlt_plugin's folder"
        )


def mismatched_torchvision() -> None:
    """Explain a torchvision whose compiled operators do not fit torch.

    PyPI's torchvision for Linux is built for CUDA. With a CPU-only torch its import fails
    with "operator torchvision::nms does not exist", which names neither package.

    Raises:
        ImportError: torchvision cannot be imported.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        raise ImportError(
            f'torchvision does not fit torch {torch.__version__} ({error}): install '
            'both from the same index, or let `make env` repair its own environment'
        ) from None


def history_buffers_in_checkpoints() -> None:
    """Store mmengine's log history in checkpoints as plain data.

    mmengine (0.10.7, #1655) pickles ``HistoryBuffer`` objects into every checkpoint,
    which ``torch.load(weights_only=True)``, the default since torch 2.6, refuses. Here they
    are saved as tensors and restored from them.
    """
    from mmengine.logging import HistoryBuffer, MessageHub

    save, load = MessageHub.state_dict, MessageHub.load_state_dict
    if hasattr(save, 'mmlt_original'):
        return

    def state_dict(self: MessageHub) -> dict:
        state = save(self)
        state['log_scalars'] = {
            name: dict(
                log_history=torch.from_numpy(buffer._log_history.astype('float64')),
                count_history=torch.from_numpy(buffer._count_history.astype('float64')),
                max_length=buffer.max_length,
            )
            for name, buffer in state['log_scalars'].items()
        }
        # A metric's best value, for instance, can be a NumPy scalar.
        state['runtime_info'] = {
            name: value.item() if hasattr(value, 'dtype') and value.ndim == 0 else value
            for name, value in state['runtime_info'].items()
        }
        return state

    def load_state_dict(self: MessageHub, state: Any) -> None:
        if isinstance(state, dict):
            buffers = {
                name: HistoryBuffer(
                    buffer['log_history'].cpu().numpy(),
                    buffer['count_history'].cpu().numpy(),
                    buffer['max_length'],
                )
                if isinstance(buffer, dict)
                else buffer
                for name, buffer in state['log_scalars'].items()
            }
            state = {**state, 'log_scalars': buffers}
        load(self, state)

    state_dict.mmlt_original = save  # type: ignore[attr-defined]
    MessageHub.state_dict = state_dict
    MessageHub.load_state_dict = load_state_dict


def unsafe_checkpoint_loading() -> None:
    """Load local checkpoints with ``weights_only=True``, those of mmengine included.

    mmengine 0.10.7 leaves the choice to torch and so cannot load its own checkpoints
    since torch 2.6; the forks fall back to unpickling anything. Here the few classes of a
    ``HistoryBuffer`` pickle are allowed, ``getattr`` only for four methods of that class,
    and everything else is refused.
    """
    from mmengine.runner import CheckpointLoader
    from mmengine.utils import digit_version

    if digit_version(torch.__version__) < digit_version('2.6'):
        return  # neither necessary nor possible

    CheckpointLoader.register_scheme('', load_from_local, force=True)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint file, refusing Python objects other than plain data.

    Args:
        filename: Path of the file.
        map_location: As in ``torch.load``.

    Returns:
        The checkpoint, in general a dict.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: The file is truncated or no checkpoint, or holds other Python objects.
    """
    filename = os.path.expanduser(filename)
    if not os.path.isfile(filename):
        raise FileNotFoundError(f'checkpoint {filename} cannot be found')
    try:
        with torch.serialization.safe_globals(_history_buffer_globals()):
            return torch.load(filename, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        what = re.search(r"GLOBAL (\S+)|got <class '([^']+)", str(error))
        found = what[1] or what[2] if what else 'it is no PyTorch file'
        raise ConfigError(
            f'checkpoint {filename} holds more than tensors and plain data '
            f'({found}) and is not loaded, since unpickling it could run any code: save '
            'its state dict alone if you trust it'
        ) from error
    except (RuntimeError, EOFError) as error:
        if 'archive' not in str(error) and not isinstance(error, EOFError):
            raise
        raise ConfigError(
            f'checkpoint {filename} is not a whole PyTorch file'
        ) from error


def _history_buffer_globals() -> list:
    """What the pickle of a ``HistoryBuffer`` refers to; none of it can do harm."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    def history_method(owner: Any, name: str) -> Any:
        if owner is HistoryBuffer and name in ('min', 'max', 'mean', 'current'):
            return getattr(HistoryBuffer, name)
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL getattr({owner}) ')

    core = np._core if hasattr(np, '_core') else np.core
    return [
        HistoryBuffer,
        (history_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        *{
            type(np.dtype(kind))
            for kind in ('?', *np.typecodes['AllFloat'], *'bhilqBHILQ')
        },
        (core.multiarray._reconstruct, 'numpy.core.multiarray._reconstruct'),
        (core.multiarray._reconstruct, 'numpy._core.multiarray._reconstruct'),
        (core.multiarray.scalar, 'numpy.core.multiarray.scalar'),
        (core.multiarray.scalar, 'numpy._core.multiarray.scalar'),
    ]


def distributed_needs_cuda(cfg: Any) -> None:
    """Let ``--launcher pytorch`` run on a machine without an accelerator.

    mmengine calls ``torch.cuda.set_device`` and hands DDP a device id on any machine. This
    makes a gloo process group beforehand and gives DDP no device ids, which avoids both.
    With an accelerator nothing changes.

    Args:
        cfg: The runner's config, changed in place, after its ``launcher`` is set.
    """
    from mmengine.device import get_device

    if cfg.get('launcher') != 'pytorch' or get_device() != 'cpu':
        return
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    defaults = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wanted = cfg.get('model_wrapper_cfg') or {}
    cfg.model_wrapper_cfg = {**defaults, **wanted, 'device_ids': None}


def mixed_up_subsets() -> None:
    """Keep the pipelines of datasets apart when subsets of them are taken.

    For ``get_subset`` mmengine (0.10.7) copies a dataset with a memo that is a mutable
    default argument and so is never emptied: an object at the address of one that was
    copied and freed earlier is replaced by the old copy. Validation then uses another
    dataset's augmentation, or a transform becomes a dataset.
    """
    from mmengine.dataset import BaseDataset

    original = BaseDataset._copy_without_annotation
    if not isinstance((original.__defaults__ or [None])[0], dict):
        return

    def copy_without_annotation(
        self: BaseDataset, memo: dict | None = None
    ) -> BaseDataset:
        return original(self, {} if memo is None else memo)

    copy_without_annotation.mmlt_original = original  # type: ignore[attr-defined]
    BaseDataset._copy_without_annotation = copy_without_annotation


def apply() -> None:
    """Apply the workarounds that need no argument; a second call does nothing."""
    missing_openmmlab()
    mismatched_torchvision()
    history_buffers_in_checkpoints()
    unsafe_checkpoint_loading()
    mixed_up_subsets()

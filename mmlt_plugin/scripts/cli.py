"""What the scripts in ``tools/`` share: arguments, the config, error messages."""

from __future__ import annotations

import argparse
import atexit
import difflib
import errno
import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS

from ..errors import ConfigError, TrainingError
from .explain import explain

BASES = Path(__file__).resolve().parents[2] / 'configs/_base_'
#: Top-level keys that scripts and the runner look for, beside the runner's arguments.
READ_BY_SCRIPTS = (
    'auto_scale_lr', 'tta_model', 'tta_pipeline', 'sync_bn', 'find_unused_parameters',
    'model_wrapper_cfg', 'runner_type', 'custom_imports', 'deterministic',
)  # fmt: skip


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing share."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--no-pin-memory', action='store_true', help='switch pin_memory off everywhere'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override config values: key=value, key.of.a.dict=value, key="[a,b]" or '
        'key=a,b for a list; no white space inside a value',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started',
    )
    # torch.distributed.launch passes it as an argument, torchrun as a variable.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_config(args: argparse.Namespace) -> Config:
    """Read ``args.config``, apply ``--cfg-options``, then the common arguments.

    The work dir is, in this order: the argument, the config's, and for
    ``configs/<method>/<config>.py`` ``work_dirs/<method>/<config>``, for any other file
    ``work_dirs/<config>``.
    """
    local_rank = os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', str(args.local_rank))
    os.environ.setdefault('LOCAL_RANK', local_rank)
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        check_keys(args.cfg_options, cfg)
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    if (cfg.get('randomness') or {}).get('deterministic'):
        # Without it older PyTorch refuses products of matrices on GPUs.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = default_work_dir(args.config)
    return cfg


def check_keys(options: Iterable[str], cfg: Config) -> None:
    """Refuse options whose first part resembles a key of the config and is none.

    Args:
        options: Dotted keys.
        cfg: The config that they are to be merged into.

    Raises:
        ConfigError: Names the key and what it resembles.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.cli import check_keys
        >>> check_keys(['optim_wraper.optimizer.lr'], Config(dict(optim_wrapper=dict())))
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: 'optim_wraper' is no key of the config: do you mean 'optim_wrapper'?
    """
    known = [*inspect.signature(Runner).parameters, *READ_BY_SCRIPTS, *cfg]
    for option in options:
        first = option.partition('.')[0]
        if first in known:
            continue
        similar = difflib.get_close_matches(first, known, n=1, cutoff=0.8)
        if similar:
            raise ConfigError(
                f'{first!r} is no key of the config: do you mean {similar[0]!r}?'
            )


def default_work_dir(config: str) -> str:
    """Where a config is trained if nobody says: a folder of its own for each.

    Args:
        config: Path of the config. Below a folder ``configs`` its path from there on
            counts, since methods have configs of the same name.

    Example:
        >>> from mmlt_plugin.scripts.cli import default_work_dir
        >>> default_work_dir('configs/reslt/resnet50_folder.py')
        'work_dirs/reslt/resnet50_folder'
    """
    *folders, name = Path(config).with_suffix('').parts
    if 'configs' in folders:
        folders = folders[len(folders) - folders[::-1].index('configs') :]
    else:
        folders = []
    return os.path.join('work_dirs', *folders, name)


def use_mixed_precision(cfg: Config, dtype: str | None) -> None:
    """Let a config train in mixed precision; on a CPU in bfloat16, whatever is asked for.

    Args:
        cfg: The config, changed in place.
        dtype: ``float16`` or ``bfloat16``; None is the config's own precision if it has
            one without loss scaling, otherwise float16.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.cli import use_mixed_precision
        >>> cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper')))
        >>> use_mixed_precision(cfg, 'bfloat16')
        >>> cfg.optim_wrapper.type
        'AutocastOptimWrapper'
    """
    already = cfg.optim_wrapper.get('type') == 'AutocastOptimWrapper'
    dtype = dtype or ('bfloat16' if already else 'float16')
    device = 'cpu' if get_device() == 'cpu' else 'gpu'
    if dtype == 'float16' and device == 'gpu':
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
        # The layout that tensor cores want.
        cfg.merge_from_dict(
            {'default_hooks.channels_last': dict(type='ChannelsLastHook')}
        )
        return
    for key in ('loss_scale', 'dtype', 'use_fsdp'):  # AmpOptimWrapper's
        cfg.optim_wrapper.pop(key, None)
    fragment = Config.fromfile(BASES / f'{device}_bf16.py').to_dict()
    for key in ('val_cfg', 'test_cfg'):
        if cfg.get(key) is None:  # not evaluated
            fragment.pop(key, None)
    cfg.merge_from_dict(fragment)


def prepare_dataloaders(
    cfg: Config, args: argparse.Namespace, fields: Sequence[str], **defaults: Any
) -> None:
    """Give dataloaders mmpretrain's usual settings where they have none of their own.

    Args:
        cfg: The config, changed in place.
        args: The command line.
        fields: Names of the dataloaders that will be used, ``val_dataloader`` etc.
        **defaults: Further settings.

    Raises:
        ConfigError: A ``data_root`` does not exist and cannot be downloaded.
    """
    defaults = dict(
        pin_memory=True, collate_fn=dict(type='default_collate'), **defaults
    )
    for field in fields:
        if cfg.get(field) is None:
            continue
        loader = ConfigDict({**defaults, **cfg[field]})
        if args.no_pin_memory:
            loader.pin_memory = False
        if loader.get('batch_sampler') and loader.get('drop_last'):
            raise ConfigError(
                f'{field}.drop_last=True is not allowed beside a batch_sampler: set '
                f'{field}.drop_last=False and {field}.batch_sampler.drop_last=True'
            )
        if loader.get('num_workers', 0) == 0:
            # PyTorch refuses persistent workers where there are none.
            loader.persistent_workers = False
        cfg[field] = loader
        for key, folder, dataset in data_roots(
            loader.get('dataset'), f'{field}.dataset'
        ):
            if _is_missing(folder, dataset):
                raise ConfigError(f'{key}={folder!r}: there is no such folder')


def data_roots(cfg: Any, key: str) -> Iterator[tuple[str, str, dict]]:
    """Yield every ``data_root`` below a config, with its dotted key and its dataset."""
    children: Iterable = ()
    if isinstance(cfg, dict):
        if cfg.get('data_root'):
            yield f'{key}.data_root', cfg['data_root'], cfg
        children = [item for item in cfg.items() if item[0] != 'pipeline']
    elif isinstance(cfg, (list, tuple)):
        children = enumerate(cfg)
    for name, value in children:
        yield from data_roots(value, f'{key}.{name}')


def _is_missing(folder: str, dataset: dict) -> bool:
    """Whether a local ``data_root`` does not exist and will not be downloaded."""
    if '://' in folder or os.path.isdir(os.path.expanduser(folder)):
        return False
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    arguments: dict[str, Any] = {}
    for cls in getattr(kind, '__mro__', ()):  # CIFAR100 leaves it to CIFAR10
        arguments.update(inspect.signature(cls.__init__).parameters)
    return not ('download' in arguments and dataset.get('download', True))


def _leave() -> None:
    """End a process that is done, without the interpreter's own end.

    There threads of C++ that still run Python may abort the process ("terminate called
    without an active exception"), and the launcher then calls the whole training failed.
    What the interpreter would wait for and call, a hook's upload or a log file's end, is
    waited for and called here.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def run(main: Callable[[], None]) -> None:
    """Run a script's ``main``; what the user can mend ends it with one sentence.

    Args:
        main: The script. A :class:`ConfigError` or :class:`TrainingError`, a type or an
            argument in the config that nothing knows, a missing file, a failed download
            or a full disk is printed without a traceback, and the exit code is 2; any
            other exception passes.
    """
    try:
        main()
        if torch.distributed.is_initialized():
            # Left to the interpreter's end, or when other ranks still run, gloo's
            # threads can abort the process: end all ranks together.
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
            _leave()
    except URLError as error:
        sys.exit(
            _fail(
                f'a download failed ({error.reason}): put the file where the lines above '
                'say, or the files of a data set into its data_root'
            )
        )
    except (
        ConfigError,
        TrainingError,
        FileNotFoundError,
        PermissionError,
        SyntaxError,  # of a config
    ) as error:
        sys.exit(_fail(str(error) or repr(error)))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        sentence = explain(error)
        if sentence is None:
            raise
        sys.exit(_fail(sentence))
    except OSError as error:
        full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
        if error.errno not in full:
            raise
        sys.exit(
            _fail(
                f'{error.strerror} ({error.filename or "while writing"}): what was saved '
                'before is whole; make room and go on with --resume'
            )
        )


def _fail(message: str) -> int:
    if message.startswith('Caught '):  # in a dataloader worker, with its traceback
        message = re.split(r'^[\w.]+Error: ', message, flags=re.M)[-1]
    sentence = ' '.join(line.strip() for line in message.splitlines())
    print(f'error: {sentence.strip()}', file=sys.stderr)
    return 2

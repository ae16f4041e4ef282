"""Command-line arguments shared by the scripts in ``tools/``, and the resulting config."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.runner import Runner

from ..errors import ConfigError
from ..settings import name_of_type

BASES = Path(__file__).resolve().parents[2] / 'configs/_base_'
#: Top-level keys read by the scripts and the runner, besides the runner's arguments.
READ_BY_SCRIPTS = (
    'tta_model', 'tta_pipeline', 'sync_bn', 'find_unused_parameters',
    'model_wrapper_cfg', 'runner_type', 'custom_imports',
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

    The work dir is the argument, or else the config's, or else that of
    :func:`default_work_dir`.
    """
    local_rank = os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', str(args.local_rank))
    os.environ.setdefault('LOCAL_RANK', local_rank)
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        check_keys(args.cfg_options, cfg)
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    if (cfg.get('randomness') or {}).get('deterministic'):
        # Without it older PyTorch versions refuse matrix products on GPUs.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = default_work_dir(args.config)
    return cfg


def check_keys(options: Iterable[str], cfg: Config) -> None:
    """Refuse options that look like misspelt keys of the config.

    Args:
        options: Dotted keys, of which the first part is compared.
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
    """The default work dir of a config, a separate one for each.

    Args:
        config: Path of the config. Below a folder ``configs`` the path from there on is
            kept, since methods have configs of the same name; otherwise only the file name.

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
    """Switch a config to mixed precision; on a CPU always to bfloat16.

    Args:
        cfg: The config, changed in place.
        dtype: ``float16`` or ``bfloat16``; None is bfloat16 if the config has it already,
            otherwise float16.

    Example:
        >>> from mmengine.config import Config
        >>> from mmlt_plugin.scripts.cli import use_mixed_precision
        >>> cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper')))
        >>> use_mixed_precision(cfg, 'bfloat16')
        >>> cfg.optim_wrapper.type
        'AutocastOptimWrapper'
    """
    already = name_of_type(cfg.optim_wrapper) == 'AutocastOptimWrapper'
    dtype = dtype or ('bfloat16' if already else 'float16')
    device = 'cpu' if get_device() == 'cpu' else 'gpu'
    if dtype == 'float16' and device == 'gpu':
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
        # The layout that tensor cores prefer.
        cfg.merge_from_dict(
            {'default_hooks.channels_last': dict(type='ChannelsLastHook')}
        )
        return
    for key in ('loss_scale', 'dtype', 'use_fsdp'):  # AmpOptimWrapper's
        cfg.optim_wrapper.pop(key, None)
    cfg.merge_from_dict(Config.fromfile(BASES / f'{device}_bf16.py').to_dict())

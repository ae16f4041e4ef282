"""What the scripts in ``tools/`` share: arguments, the runner, error messages."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.error import URLError

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from . import compat
from .errors import ConfigError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


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

    The work dir is, in this order: the argument, the config's, and
    ``work_dirs/<config name>``.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = os.path.splitext(os.path.basename(args.config))[0]
        cfg.work_dir = os.path.join('work_dirs', name)
    return cfg


def prepare_dataloaders(cfg: Config, args: argparse.Namespace, **defaults: Any) -> None:
    """Give every dataloader mmpretrain's usual settings where it has none of its own.

    Raises:
        ConfigError: A ``data_root`` does not exist and cannot be downloaded.
    """
    defaults = dict(
        pin_memory=True, collate_fn=dict(type='default_collate'), **defaults
    )
    for field in LOADERS:
        if cfg.get(field) is None:
            continue
        loader = ConfigDict({**defaults, **cfg[field]})
        if args.no_pin_memory:
            loader.pin_memory = False
        if loader.get('num_workers', 0) == 0:
            # PyTorch refuses persistent workers where there are none.
            loader.persistent_workers = False
        cfg[field] = loader
    for key, folder in data_roots(cfg):
        if not os.path.isdir(os.path.expanduser(folder)) and not _can_download(
            cfg, key
        ):
            raise ConfigError(f'{key}={folder!r}: there is no such folder')


def build_runner(cfg: Config) -> Runner:
    """Make the runner, on machines without an accelerator too."""
    compat.distributed_needs_cuda(cfg)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return CarefulRunner.from_cfg(cfg)


class CarefulRunner(Runner):
    """mmengine's runner, which writes into the work dir only what a run needs.

    mmengine copies the config into the work dir as soon as the runner is made, in
    testing too, over the config of the run that made the checkpoints there. Here that
    happens when the data, the model and the checkpoint have proved sound.
    """

    def dump_config(self) -> None:
        """Wait with the copy of the config until training starts."""

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks; once ``before_train`` went well, write the config."""
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_train':
            super().dump_config()


def data_roots(cfg: Any, key: str = '') -> Iterator[tuple[str, str]]:
    """Yield every ``data_root`` in the config's dataloaders, with its dotted key."""
    if isinstance(cfg, (list, tuple)):
        for i, value in enumerate(cfg):
            yield from data_roots(value, f'{key}.{i}')
    elif isinstance(cfg, dict):
        for name, value in cfg.items():
            if name == 'data_root' and value:
                yield f'{key}.data_root', value
            elif name != 'pipeline':
                yield from data_roots(value, f'{key}.{name}' if key else name)
    elif isinstance(cfg, Config):
        for field in LOADERS:
            yield from data_roots(cfg.get(field), field)


def _can_download(cfg: Config, key: str) -> bool:
    """Whether the dataset of this ``data_root`` fetches its files by itself."""
    from mmpretrain.registry import DATASETS

    dataset: Any = cfg
    for name in key.split('.')[:-1]:
        dataset = dataset[int(name) if name.isdigit() else name]
    cls = DATASETS.get(dataset.get('type'))
    return hasattr(cls, 'url') and dataset.get('download', True)


def run(main: Callable[[], None]) -> None:
    """Run a script's ``main``; what the user can mend ends it with one sentence.

    Args:
        main: The script. A :class:`ConfigError`, a missing file or a failed download
            is printed without a traceback, and the exit code is 2; any other exception
            passes.
    """
    try:
        main()
    except (ConfigError, FileNotFoundError, PermissionError) as error:
        sys.exit(_fail(str(error)))
    except URLError as error:
        sys.exit(
            _fail(
                f'a data set or checkpoint could not be downloaded ({error.reason}): put '
                'its files into the data_root of its dataset by hand'
            )
        )


def _fail(message: str) -> int:
    print(f'error: {message}', file=sys.stderr)
    return 2

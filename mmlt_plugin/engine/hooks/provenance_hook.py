"""Records commit, versions, seed and data of a training or a test."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mmengine
import mmpretrain
import numpy
import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from ...errors import ConfigError
from ...fingerprint import data_fingerprint
from ...ranks import check_on_main_rank
from ...settings import changes, plain_settings
from ...version import __version__

ROOT = Path(__file__).resolve().parents[3]
#: What a test records from its checkpoint's ``meta``.
TOLD = ('experiment_name', 'epoch', 'seed', 'data_fingerprint', 'class_counts')


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Record commit, command, versions, device, seed and data of a training or a test.

    Every start and every resumption of a training adds one line to ``provenance.jsonl`` in
    the work dir, every test one line to ``tests.jsonl``, with its metrics and facts about
    the checkpoint; ``tools/analysis/record.py`` turns them into a results file. The
    fingerprint of the training data is stored in every checkpoint, and a run only resumes
    with the same data.

    Raises:
        ConfigError: The images or labels are not those of the checkpoint.

    Example:
        >>> default_hooks = dict(provenance=dict(type='ProvenanceHook'))
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self.written = False
        self.data: str | None = None
        self.told: dict[str, Any] = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the checkpoint's ``meta``."""
        self.told = checkpoint.get('meta', {})

    def before_train(self, runner: Runner) -> None:
        """Compare the data with the checkpoint's."""
        check_on_main_rank(lambda: self._check_data(runner))

    def _check_data(self, runner: Runner) -> None:
        self.data = data_fingerprint(runner.train_dataloader.dataset)
        if not runner._resume:
            return
        told = self.told.get('data_fingerprint')
        if told not in (None, self.data):
            raise ConfigError(
                f'the training images or labels (fingerprint {self.data}) are not '
                f'those of the checkpoint ({told}) that this run resumes from: '
                'resume with the same data, or start a new training with load_from'
            )
        ranks = self.told.get('ranks', get_world_size())
        if ranks != get_world_size():
            runner.logger.warning(
                f'resumed on {get_world_size()} ranks instead of {ranks}: a step has '
                'another number of images, so the weights will differ'
            )
        before = self.told.get('settings')
        if before and (found := changes(before, plain_settings(runner.cfg.to_dict()))):
            shown = ', '.join(found[:8]) + (', ...' if len(found) > 8 else '')
            runner.logger.warning(
                f'resumed with other settings than the checkpoint: {shown}'
            )
            if any(change.startswith('optim_wrapper.optimizer.') for change in found):
                runner.logger.warning(
                    "the optimizer keeps the checkpoint's settings: for another "
                    'learning rate start a new training with load_from'
                )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store fingerprint, ranks and settings in the checkpoint's ``meta``."""
        checkpoint['meta']['ranks'] = get_world_size()
        if self.data is not None:
            checkpoint['meta']['data_fingerprint'] = self.data
        # mmengine stores text that is not always Python: infinity is a bare ``inf``.
        checkpoint['meta']['settings'] = plain_settings(runner.cfg.to_dict())

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Write the line after the first iteration, which shows that the run works."""
        if not self.written and is_main_process():
            _add_line(runner, 'provenance.jsonl', epoch=runner.epoch, data=self.data)
        self.written = True

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Write the line of a test."""
        if metrics and is_main_process():
            # Weights trained in this process do not come from a file.
            source = dict(file=None)
            if not self.written:
                told = {key: self.told.get(key) for key in TOLD}
                source = dict(file=runner._load_from, **told)
            numbers = {
                key: value
                for key, value in metrics.items()
                if isinstance(value, (int, float))
            }
            _add_line(
                runner,
                'tests.jsonl',
                checkpoint=source,
                metrics=numbers,
            )


def _add_line(runner: Runner, name: str, **more: Any) -> None:
    """Add a line to a file in the work dir."""
    with open(Path(runner.work_dir) / name, 'a') as file:
        file.write(json.dumps(dict(provenance(runner), **more)) + '\n')


def provenance(runner: Runner) -> dict:
    """Commit, command, versions, device and seed, as plain values."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f'CPU {platform.machine()}, {torch.get_num_threads()} threads'
    return dict(
        time=time.strftime('%Y-%m-%dT%H:%M:%S'),
        commit=_git('rev-parse', 'HEAD'),
        changed_files=_git(
            'status', '--porcelain', '--untracked-files=no'
        ).splitlines(),
        config=_relative(runner.cfg.filename),
        command=sys.argv,
        seed=runner.seed,
        device=device,
        ranks=get_world_size(),
        versions={
            'python': platform.python_version(),
            'numpy': numpy.__version__,
            'torch': torch.__version__,
            'mmengine': mmengine.__version__,
            'mmpretrain': mmpretrain.__version__,
            'mmlt_plugin': __version__,
        },
    )


def _relative(config: str | None) -> str:
    """Path of a config, relative to the project's folder if it lies in there."""
    path = Path(config or '').resolve()
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


def _git(*arguments: str) -> str:
    """Output of a git command about this package; empty without its repository."""
    if not (ROOT / '.git').exists():
        return ''  # git would look for one in the folders above
    try:
        done = subprocess.run(
            ['git', '-C', str(ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ''
    return done.stdout.strip()

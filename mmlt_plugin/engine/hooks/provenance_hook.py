"""What a run was made of."""

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

from ... import compat
from ...fingerprint import data_fingerprint
from ...version import __version__


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Note commit, command, versions, device, seed and data of a training.

    Every start and every resumption adds one line to ``provenance.jsonl`` in the work
    dir; ``tools/analysis/record.py`` makes a results file of it.

    Example:
        >>> default_hooks = dict(provenance=dict(type='ProvenanceHook'))
    """

    priority = 'LOW'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """After the first iteration, which proves the run sound, write the line."""
        if not getattr(self, 'written', False) and is_main_process():
            line = json.dumps(provenance(runner))
            with open(Path(runner.work_dir) / 'provenance.jsonl', 'a') as file:
                file.write(line + '\n')
        self.written = True


def provenance(runner: Runner) -> dict:
    """Commit, command, versions, device, seed and data, as plain values."""
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = f'CPU {platform.machine()}, {torch.get_num_threads()} threads'
    return dict(
        time=time.strftime('%Y-%m-%dT%H:%M:%S'),
        epoch=runner.epoch,
        commit=_git('rev-parse', 'HEAD'),
        changed_files=_git(
            'status', '--porcelain', '--untracked-files=no'
        ).splitlines(),
        command=sys.argv,
        seed=runner.seed,
        device=device,
        ranks=get_world_size(),
        data=data_fingerprint(runner.train_dataloader.dataset),
        versions={
            'python': platform.python_version(),
            'numpy': numpy.__version__,
            'torch': torch.__version__,
            'mmengine': mmengine.__version__,
            'mmpretrain': mmpretrain.__version__,
            'mmlt_plugin': __version__,
        },
    )


def _git(*arguments: str) -> str:
    """Output of a git command about this package, empty where there is no git."""
    try:
        done = subprocess.run(
            ['git', '-C', str(Path(compat.__file__).parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ''
    return done.stdout.strip()

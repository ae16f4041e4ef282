"""Small trainings on the digits, for tests that compare or interrupt them."""

import shutil

import torch
from mmengine.config import Config

from mmlt_plugin.scripts.careful_runner import build_runner
from mmlt_plugin.scripts.in_memory import use_memory
from tests.documented import ROOT

#: Options for a script: two epochs of a small net, both saved.
TINY = [
    'model.backbone.depth=8', 'train_cfg.max_epochs=2',
    'default_hooks.checkpoint.interval=1', 'default_hooks.checkpoint.max_keep_ckpts=9',
]  # fmt: skip


def make_runner(
    work_dir, config='ce/resnet20_digits-lt-if32.py', in_memory=False, **settings
):
    """A runner that trains a small network for three epochs and saves every epoch."""
    cfg = Config.fromfile(ROOT / 'configs' / config)
    options = {
        'train_cfg.max_epochs': 3,
        'train_cfg.val_interval': 100,
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
        'train_dataloader.persistent_workers': False,
        'randomness.deterministic': torch.cuda.is_available(),
        **settings,
    }
    if cfg.model.backbone.type == 'CIFARResNet':
        options.setdefault('model.backbone.depth', 8)
    cfg.merge_from_dict(options)
    for loader in filter(None, (cfg.train_dataloader, cfg.val_dataloader)):
        loader.collate_fn = dict(type='default_collate')
    if in_memory:
        use_memory(cfg)
    cfg.work_dir = str(work_dir)
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.experiment_name = f'{work_dir}-{id(cfg)}'.replace('/', '_')
    return build_runner(cfg)


def cut_off(whole, epoch, parts):
    """Copy a work dir in the state it had right after saving an epoch."""
    parts.mkdir()
    checkpoint = parts / f'epoch_{epoch}.pth'
    shutil.copy(whole / checkpoint.name, checkpoint)
    (parts / 'last_checkpoint').write_text(str(checkpoint))


def final_state(work_dir, epoch=3):
    """Everything in a checkpoint that affects how a training continues."""
    checkpoint = torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)
    return {
        key: checkpoint[key] for key in ('state_dict', 'optimizer', 'param_schedulers')
    }


def assert_equal(found, expected, where=''):
    """Compare nested containers of tensors and numbers bit for bit."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_equal(found[key], value, f'{where}.{key}')
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), where
        for number, value in enumerate(expected):
            assert_equal(found[number], value, f'{where}.{number}')
    else:
        assert found == expected, where


def weights(checkpoint):
    """The weights in a checkpoint file."""
    return torch.load(checkpoint, weights_only=True)['state_dict']

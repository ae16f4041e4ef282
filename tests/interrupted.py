"""Trainings of the digits in processes that can be killed, and what they leave."""

import multiprocessing
import os
import signal
import time

import torch

from tests.engine.runs import make_runner

# Forks of a process with the imports, but without a gradient's threads, behind it.
FORK = multiprocessing.get_context('forkserver')
FORK.set_forkserver_preload(['tests.interrupted'])
EPOCHS = 8


SETTINGS = {
    'train_cfg.max_epochs': EPOCHS,
    'default_hooks.checkpoint.max_keep_ckpts': 1,
    'default_hooks.checkpoint.save_best': 'shot/all',
    'train_cfg.val_interval': 2,
}


def train(work_dir, workers=0):
    """A process that trains, or resumes, until it is done or killed."""
    sync = os.fsync

    def slow_sync(descriptor):
        time.sleep(0.03)  # more of the time is spent in saving
        sync(descriptor)

    os.fsync = slow_sync
    torch.set_num_threads(1)
    # What a shell runs in the background ignores it, and so do children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings = {**SETTINGS, 'train_dataloader.num_workers': workers}
    resume = (work_dir / 'last_checkpoint').exists()
    make_runner(work_dir, resume=resume, **settings).train()
    os._exit(0)


def start(work_dir, workers=0):
    process = FORK.Process(target=train, args=(work_dir, workers))
    process.start()
    return process


def wait_for_checkpoint(work_dir, process):
    while not (work_dir / 'last_checkpoint').exists():
        assert process.is_alive()
        time.sleep(0.01)


def check_checkpoints(work_dir):
    """The last and the best checkpoint are complete."""
    pointer = work_dir / 'last_checkpoint'
    if pointer.exists():
        epoch = torch.load(pointer.read_text(), weights_only=True)['meta']['epoch']
        assert 1 <= epoch <= EPOCHS
    for file in work_dir.glob('*.pth'):
        torch.load(file, weights_only=True)

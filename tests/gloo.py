"""A pool of gloo processes, started once a test session and reused."""

import os
import traceback
from datetime import timedelta

import torch
import torch.multiprocessing as mp


class GlooPool:
    """Runs a function on every rank of a process group and collects what it returns."""

    def __init__(self, world_size: int, init_file: str) -> None:
        context = mp.get_context('spawn')
        self.pipes = []
        self.processes = []
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(rank, world_size, init_file, theirs), daemon=True
            )
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)

    def run(self, function, *args):
        """Call ``function(rank, *args)`` on every rank; returns a list by rank."""
        for pipe in self.pipes:
            pipe.send((function, args))
        answers = [pipe.recv() for pipe in self.pipes]
        failures = [answer for ok, answer in answers if not ok]
        assert not failures, '\n'.join(failures)
        return [answer for _, answer in answers]

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join(timeout=10)


def _serve(rank, world_size, init_file, pipe):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world_size))
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{init_file}',
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=60),
    )
    while (job := pipe.recv()) is not None:
        function, args = job
        try:
            pipe.send((True, function(rank, *args)))
        except Exception:
            pipe.send((False, f'rank {rank}:\n{traceback.format_exc()}'))
    torch.distributed.destroy_process_group()

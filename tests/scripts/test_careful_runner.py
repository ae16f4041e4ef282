"""The runner of the scripts."""

import multiprocessing

from tests.engine.runs import make_runner


def test_persistent_workers_end_with_the_training(tmp_path):
    before = multiprocessing.active_children()
    workers = {'num_workers': 1, 'persistent_workers': True}
    runner = make_runner(
        tmp_path,
        **{'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 2},
        **{
            f'{field}_dataloader.{k}': v
            for field in ('train', 'val')
            for k, v in workers.items()
        },
    )
    runner.train()
    assert multiprocessing.active_children() == before
    assert 0 <= runner.val_loop.run()['shot/all'] <= 100, 'with new ones'
    assert len(multiprocessing.active_children()) == len(before) + 1
    runner.val_loop.dataloader._iterator._shutdown_workers()

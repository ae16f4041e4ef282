"""A resumed run equals an uninterrupted one bit for bit."""

import random
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmpretrain.registry import TRANSFORMS
from mmpretrain.structures import DataSample

from mmlt_plugin.engine.hooks import exact_resume_hook
from mmlt_plugin.errors import ConfigError
from tests.engine.runs import assert_equal, cut_off, final_state, make_runner


def another_pipeline(action_epoch):
    """Settings that give persistent workers a new pipeline at some epoch."""
    flipped = [
        dict(type='Resize', scale=16),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackInputs'),
    ]
    recipe = dict(action_epoch=action_epoch, train_pipeline=flipped)
    return {
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True,
        'custom_hooks': [dict(type='SwitchRecipeHook', schedule=[recipe])],
    }


CASES = {
    'plain': {},
    'workers': {'train_dataloader.num_workers': 2},
    'persistent workers': {
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True,
    },
    'persistent workers, mixup, dropout': {
        'train_dataloader.num_workers': 2,
        'train_dataloader.persistent_workers': True,
        'model.train_cfg': dict(augments=dict(type='Mixup', alpha=1.0)),
        'model.head.loss.use_soft': True,
        'model.backbone.drop_path_rate': 0.3,
    },
    'mixup': {
        'model.train_cfg': dict(augments=[dict(type='Mixup', alpha=1.0), dict(type='CutMix', alpha=1.0)]),
        'model.head.loss.use_soft': True,
    },
    'manifold mixup': {
        'model.type': 'ManifoldMixupClassifier',
        'model.head.loss.use_soft': True,
    },
    'dropout': {'model.backbone.drop_path_rate': 0.3},
    'EMA': {'custom_hooks': [dict(type='EMAHook', momentum=0.01)]},
    'EMA, LDAM': {
        'custom_hooks': [dict(type='EMAHook', momentum=0.01)],
        'model.head.type': 'CosineClsHead',
        'model.head.loss': dict(_delete_=True, type='LDAMLoss', scheme='effective'),
    },
    'class-balanced': {
        'train_dataloader.sampler': dict(_delete_=True, type='ClassBalancedSampler'),
    },
    'deferred': {
        'train_dataloader.sampler': dict(
            _delete_=True, type='DeferredSampler', action_epoch=3
        ),
        'default_hooks.deferred_recipe': dict(
            type='DeferredRecipeHook',
            schedule=[dict(action_epoch=3, loss=dict(type='BalancedSoftmaxLoss'))],
        ),
    },
    'another pipeline': another_pipeline(action_epoch=3),
    'another pipeline by then': another_pipeline(action_epoch=2),
    'from memory': {'in_memory': True},
    'BBN from memory': {
        'in_memory': True,
        'config': 'bbn/resnet20_digits-lt-if32.py',
    },
    'ResLT': {'config': 'reslt/resnet20_digits-lt-if32.py'},
    'BBN, Beta adaptor': {
        'config': 'bbn/resnet20_digits-lt-if32.py',
        'default_hooks.cumulative_alpha.schedule': 'beta',
    },
    'bfloat16': {
        'optim_wrapper.type': 'AutocastOptimWrapper',
        'default_hooks.channels_last': dict(type='ChannelsLastHook'),
    },
    'evaluation in between': {'train_cfg.val_interval': 1},
}  # fmt: skip


@pytest.mark.promise('a resumed run equals an uninterrupted one, bit for bit')
@pytest.mark.parametrize('case', CASES)
def test_resumed_equals_uninterrupted(case, tmp_path):
    settings = CASES[case]
    make_runner(tmp_path / 'whole', **settings).train()
    cut_off(tmp_path / 'whole', 2, tmp_path / 'parts')
    # As a new process would: the generators are anywhere.
    torch.manual_seed(hash(case) % 1000)
    make_runner(tmp_path / 'parts', resume=True, **settings).train()
    assert not (tmp_path / 'parts/epoch_1.pth').exists()  # it did not begin again
    assert_equal(final_state(tmp_path / 'parts'), final_state(tmp_path / 'whole'))


def test_a_deferred_recipe_goes_on_from_a_plain_training(tmp_path):
    """Before its first epoch a deferred recipe is the plain training."""
    make_runner(tmp_path / 'plain', **{'train_cfg.max_epochs': 2}).train()
    cut_off(tmp_path / 'plain', 2, tmp_path / 'parts')
    for name, resume in (('whole', False), ('parts', True)):
        make_runner(tmp_path / name, resume=resume, **CASES['deferred']).train()
    assert_equal(final_state(tmp_path / 'parts'), final_state(tmp_path / 'whole'))


def first_images(work_dir, epochs, **settings):
    """The first batch of every epoch, as made by the workers."""
    runner = make_runner(work_dir, **settings)
    hook = next(h for h in runner.hooks if type(h).__name__ == 'ExactResumeHook')
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    batches = []
    for epoch in epochs:
        runner.train_loop._epoch = epoch
        runner.train_dataloader.sampler.set_epoch(0)  # the same images
        hook.before_train_epoch(runner)
        whole_epoch = list(runner.train_dataloader)
        batches.append(whole_epoch[0]['inputs'].clone())
    return batches


@pytest.mark.parametrize('persistent', [False, True])
def test_every_epoch_has_its_own_augmentation_in_workers(tmp_path, persistent):
    settings = {
        'train_dataloader.num_workers': 1,
        'train_dataloader.persistent_workers': persistent,
    }
    first, second, again = first_images(tmp_path, (0, 1, 0), **settings)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.promise('a run resumes with the same training data only')
def test_other_images_are_refused(tmp_path):
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()
    meta = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['meta']
    assert len(meta['data_fingerprint']) == 16
    runner = make_runner(tmp_path, resume=True, **{'train_dataloader.dataset.seed': 5})
    with pytest.raises(ConfigError, match='fingerprint'):
        runner.train()
    runner = make_runner(
        tmp_path / 'new',
        load_from=str(tmp_path / 'epoch_1.pth'),
        **{'train_dataloader.dataset.seed': 5, 'train_cfg.max_epochs': 1},
    )
    runner.train()


BY_ITERATIONS = {
    'train_cfg': dict(_delete_=True, by_epoch=False, max_iters=2, val_interval=9),
    'param_scheduler': [],
    'default_hooks.checkpoint.by_epoch': False,
}


@pytest.mark.parametrize(
    ('settings', 'changed', 'text'),
    [
        (
            {'train_cfg.max_epochs': 1},
            {'randomness.seed': None},
            'randomness.seed is not set',
        ),
        (BY_ITERATIONS, {'train_cfg.max_iters': 3}, 'counts iterations'),
        (
            {'train_cfg.max_epochs': 1, 'optim_wrapper.accumulative_counts': 5},
            {'train_cfg.max_epochs': 2},
            'gradients of 5 iterations are accumulated, and the 12 of an epoch',
        ),
        (
            {'train_cfg.max_epochs': 1},
            {'train_cfg.max_epochs': 2, 'train_dataloader.num_workers': 1},
            'train_dataloader.num_workers: 0 -> 1',
        ),
    ],
    ids=['no seed', 'iterations', 'accumulation', 'workers'],
)
def test_a_resume_that_is_not_exact_warns(settings, changed, text, tmp_path, warned):
    make_runner(tmp_path, **deepcopy(settings)).train()  # a merge takes _delete_ out
    runner = make_runner(tmp_path, resume=True, **{**settings, **changed})
    runner.train()
    assert any(text in line for line in warned)


def test_another_number_of_ranks_warns(tmp_path, warned):
    make_runner(tmp_path, **{'train_cfg.max_epochs': 1}).train()
    file = tmp_path / 'epoch_1.pth'
    checkpoint = torch.load(file, weights_only=True)
    assert checkpoint['meta']['ranks'] == 1
    checkpoint['meta']['ranks'] = 4
    torch.save(checkpoint, file)
    runner = make_runner(tmp_path, resume=True, **{'train_cfg.max_epochs': 2})
    runner.train()
    assert any('on 1 ranks instead of 4' in line for line in warned)


@pytest.mark.promise('a resumed run equals an uninterrupted one, bit for bit')
def test_two_ranks(tmp_path, run_tool):
    for name in ('whole', 'parts'):
        if name == 'parts':
            cut_off(tmp_path / 'whole', 2, tmp_path / 'parts')
        run_tool(
            'dist_train.sh', 'configs/reslt/resnet20_digits-lt-if32.py', 2,
            '--resume', '--cfg-options', 'model.backbone.depth=8',
            'train_cfg.max_epochs=3', 'train_cfg.val_interval=9',
            'default_hooks.checkpoint.interval=1',
            'default_hooks.checkpoint.max_keep_ckpts=-1', 'train_dataloader.batch_size=16',
            'train_dataloader.num_workers=1', 'train_dataloader.persistent_workers=True',
            'model.train_cfg.augments.type=Mixup', 'model.train_cfg.augments.alpha=1.0',
            work_dir=tmp_path / name,
        )  # fmt: skip
    assert not (tmp_path / 'parts/epoch_1.pth').exists()
    assert_equal(final_state(tmp_path / 'parts'), final_state(tmp_path / 'whole'))


def test_an_exact_resume_warns_of_nothing():
    runner = SimpleNamespace(
        cfg=dict(randomness=dict(seed=0)),
        seed=0,
        train_loop=None,
        epoch=2,
        iter=24,
        param_schedulers=[],
        optim_wrapper=SimpleNamespace(_accumulative_counts=4),
        train_dataloader=range(12),
    )
    assert list(exact_resume_hook.why_not_exact(runner)) == []
    exact_resume_hook.ExactResumeHook().before_train(SimpleNamespace(_resume=False))


def draw():
    return random.random(), np.random.rand(), float(torch.rand(()))  # noqa: NPY002


def first_draws(monkeypatch, seed=3, epoch=0, rank=0, worker=0):
    """First draws of a worker, for images of two datasets, and of the main process."""
    monkeypatch.setattr(exact_resume_hook, 'get_rank', lambda: rank)
    worker = SimpleNamespace(id=worker)
    monkeypatch.setattr(exact_resume_hook, 'get_worker_info', lambda: worker)
    leaves = [SimpleNamespace(pipeline=lambda _: draw()) for _ in range(2)]
    loader = SimpleNamespace(dataset=SimpleNamespace(datasets=leaves))
    runner = SimpleNamespace(epoch=epoch, seed=seed, train_dataloader=loader)
    hook = exact_resume_hook.ExactResumeHook()
    hook.before_train_epoch(runner)
    main = [draw()]
    wrapped = [leaf.pipeline for leaf in leaves]
    hook.before_train_epoch(runner)
    assert [leaf.pipeline for leaf in leaves] == wrapped, 'once is enough'
    found = [leaf.pipeline(None) for _ in range(2) for leaf in leaves]
    for iteration in range(2):
        hook.before_train_iter(runner, iteration)
        main.append(draw())
    return found, main


def test_ranks_workers_and_datasets_draw_differently(monkeypatch):
    found, main = first_draws(monkeypatch)
    assert (found, main) == first_draws(monkeypatch)
    one = {*found, *main}
    assert len(one) == 7, 'nothing is drawn twice'
    for other in (dict(seed=4), dict(epoch=1), dict(rank=1)):
        of_worker, of_main = first_draws(monkeypatch, **other)
        assert not one & {*of_worker, *of_main}
    assert not one & {*first_draws(monkeypatch, worker=1)[0]}


def test_a_checkpoint_in_the_middle_of_an_epoch_warns(tmp_path, warned):
    settings = {
        'train_cfg.max_epochs': 1,
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 5,
    }
    make_runner(tmp_path, **settings).train()
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_5.pth'))
    make_runner(tmp_path, resume=True, **settings).train()
    assert any('of iteration 5, in the middle of an epoch' in line for line in warned)


@TRANSFORMS.register_module()
class NothingButNoise:
    """A transform that draws a number."""

    def __call__(self, info):
        return dict(inputs=torch.rand(()), data_samples=DataSample())


def test_passes_of_a_training_by_iterations_draw_differently(tmp_path, monkeypatch):
    """Its epoch is always 0, and every pass has new workers."""
    runner = make_runner(
        tmp_path,
        **{
            **BY_ITERATIONS,
            'train_cfg': dict(_delete_=True, by_epoch=False, max_iters=48),
            'train_dataloader.num_workers': 1,
            'train_dataloader.dataset.dataset.pipeline': [dict(type='NothingButNoise')],
        },
    )
    seen = []

    def note(data_batch, optim_wrapper):
        seen.append(float(data_batch['inputs'][0]))
        return dict(loss=torch.zeros(()))

    monkeypatch.setattr(runner.model, 'train_step', note)
    runner.train()
    assert len(seen) == 48, 'four passes of twelve'
    assert len(set(seen)) == 48

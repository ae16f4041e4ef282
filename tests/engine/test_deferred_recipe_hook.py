"""Deferred re-weighting in real trainings on the digits."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.models import LinearClsHead
from mmpretrain.registry import HOOKS

from mmlt_plugin.engine import ClassCountsHook, DeferredRecipeHook
from mmlt_plugin.errors import ConfigError
from tests.engine import runs

COUNTS = [128, 88, 60, 40, 27, 18, 12, 8, 5, 4]
seen = []


@HOOKS.register_module()
class WatchLossHook(Hook):
    """Record the loss module of every epoch."""

    priority = 'LOWEST'

    def before_train_epoch(self, runner):
        loss = runner.model.head.loss_module
        counts = getattr(loss, 'counts', torch.zeros(0)).tolist()
        seen.append((runner.epoch + 1, type(loss).__name__, counts))


def make_runner(work_dir, schedule, epochs, **settings):
    seen.clear()
    return runs.make_runner(
        work_dir,
        custom_hooks=[dict(type='WatchLossHook')],
        **{
            'train_cfg.max_epochs': epochs,
            'default_hooks.deferred_recipe': dict(
                type='DeferredRecipeHook', schedule=schedule
            ),
            **settings,
        },
    )


DRW = dict(type='ReweightedLoss', scheme='effective', beta=0.9999)
SCHEDULE = [
    dict(action_epoch=2, loss=DRW),
    dict(action_epoch=4, loss=dict(type='BalancedSoftmaxLoss')),
]


def test_losses_change_on_time_with_counts_and_after_resuming(tmp_path):
    make_runner(tmp_path, SCHEDULE, epochs=4).train()
    assert seen == [
        (1, 'CrossEntropyLoss', []),
        (2, 'ReweightedLoss', COUNTS),
        (3, 'ReweightedLoss', COUNTS),
        (4, 'BalancedSoftmaxLoss', COUNTS),
    ]
    make_runner(
        tmp_path,
        SCHEDULE,
        epochs=5,
        resume=True,
        load_from=str(tmp_path / 'epoch_2.pth'),
    ).train()
    assert seen == [
        (3, 'ReweightedLoss', COUNTS),
        (4, 'BalancedSoftmaxLoss', COUNTS),
        (5, 'BalancedSoftmaxLoss', COUNTS),
    ]


def test_the_new_loss_follows_the_model(tmp_path):
    runner = make_runner(tmp_path, SCHEDULE, epochs=4)
    hook = next(hook for hook in runner.hooks if isinstance(hook, DeferredRecipeHook))
    runner.model.to('meta')
    counts_hook = next(h for h in runner.hooks if isinstance(h, ClassCountsHook))
    counts_hook.counts = np.array(COUNTS)
    loss = hook.schedule[2]['loss']
    hook._switch_loss(runner, loss)
    scores = torch.zeros(2, 10, device='meta')
    loss(scores, torch.zeros(2, dtype=torch.int64, device='meta'))
    assert loss.counts.device.type == loss.weights.device.type == 'meta'
    with_buffers = torch.nn.BatchNorm1d(1)  # which no counts bring there
    hook._switch_loss(runner, with_buffers)
    assert with_buffers.running_mean.device.type == 'meta'


@pytest.mark.parametrize('wrap', [lambda model: model, torch.nn.DataParallel])
def test_what_is_changed_in_a_wrapped_model(wrap):
    hook, new = DeferredRecipeHook([]), torch.nn.Identity()
    model = torch.nn.Module()
    model.head = LinearClsHead(num_classes=2, in_channels=4)
    model.data_preprocessor = SimpleNamespace(num_classes=2, batch_augments=None)
    runner = SimpleNamespace(model=wrap(model), hooks=[])
    hook._switch_batch_augments(runner, new)
    assert model.data_preprocessor.batch_augments is new
    hook._switch_loss(runner, new)
    assert model.head.loss_module is new
    model.loss_module = torch.nn.Identity()
    model.head = LinearClsHead(num_classes=2, in_channels=4)
    hook._switch_loss(runner, new)  # the model's own loss comes before its head's
    assert model.loss_module is new
    assert model.head.loss_module is not new


@pytest.mark.parametrize(
    ('schedule', 'message'),
    [
        ([dict(loss=DRW)], r'\[None\]'),
        ([dict(action_epoch=0, loss=DRW)], r'\[0\]'),
        ([dict(action_epoch=2, loss=DRW)] * 2, r'\[2, 2\]'),
    ],
)
def test_bad_schedules(schedule, message):
    with pytest.raises(ConfigError, match=message):
        DeferredRecipeHook(schedule)


def test_an_epoch_that_never_comes(tmp_path):
    with pytest.raises(ConfigError, match=r'action_epoch=4.*max_epochs=3'):
        make_runner(tmp_path, SCHEDULE, epochs=3).train()


def test_a_model_without_a_loss(tmp_path):
    runner = make_runner(tmp_path, SCHEDULE, epochs=4)
    del runner.model.head.loss_module
    hook = next(hook for hook in runner.hooks if isinstance(hook, DeferredRecipeHook))
    with pytest.raises(ConfigError, match='no loss to change'):
        hook._switch_loss(runner, torch.nn.Identity())


def test_batch_augmentations_that_start_late_mix(tmp_path):
    runner = make_runner(
        tmp_path,
        [dict(action_epoch=2, batch_augments=dict(augments=dict(type='Mixup', alpha=1.0)))],
        epochs=2,
        **{'model.head.loss': dict(type='ReweightedLoss')},
    )  # fmt: skip
    labels = []
    loss = runner.model.head.loss_module.forward

    def watch(score, target, **kwargs):
        labels.append(int((target > 0).sum(1).max()) if target.dim() > 1 else 1)
        return loss(score, target, **kwargs)

    runner.model.head.loss_module.forward = watch
    runner.train()
    steps = len(runner.train_dataloader)
    assert labels == [1] * steps + [2] * steps, 'of an image'


def test_a_pipeline_that_starts_late(tmp_path):
    smaller = [dict(type='Resize', scale=8), dict(type='PackInputs')]
    schedule = [dict(action_epoch=2, train_pipeline=smaller)]
    runner = make_runner(tmp_path, schedule, epochs=2)
    sizes = []
    runner.model.backbone.register_forward_pre_hook(
        lambda net, inputs: sizes.append((net.training, inputs[0].size(-1)))
    )
    runner.train()
    steps = len(runner.train_dataloader)
    trained = [size for training, size in sizes if training]
    assert trained == [16] * steps + [8] * steps


def test_batch_augmentations_need_the_number_of_classes(tmp_path):
    schedule = [dict(action_epoch=2, batch_augments=None)]
    runner = make_runner(tmp_path, schedule, epochs=2)
    runner.model.data_preprocessor.num_classes = None
    hook = next(hook for hook in runner.hooks if isinstance(hook, DeferredRecipeHook))
    hook._switch_batch_augments(runner, None)
    with pytest.raises(ConfigError, match=r'data_preprocessor\.num_classes'):
        hook._switch_batch_augments(runner, torch.nn.Identity())


@pytest.mark.parametrize(
    ('loss', 'message'),
    [
        (dict(type='LDAMLoss'), 'LinearClsHead gives other logits'),
        (dict(type='ResLTLoss'), 'LinearClsHead gives none'),
    ],
    ids=lambda value: value.get('type') if isinstance(value, dict) else '',
)
def test_an_unsuitable_loss_is_named_before_the_epochs_without_it(
    loss, message, tmp_path
):
    schedule = [dict(action_epoch=3, loss=loss)]
    with pytest.raises(ConfigError, match=message):
        make_runner(tmp_path, schedule, epochs=4).train()
    assert not seen


def test_a_head_may_refuse_a_loss_too(tmp_path):
    head = dict(
        _delete_=True, type='ResLTHead', num_classes=10, in_channels=64, groups=3
    )
    with pytest.raises(ConfigError, match='ReweightedLoss does not'):
        make_runner(
            tmp_path, SCHEDULE, epochs=4, **{'model.neck': None, 'model.head': head}
        ).train()
    assert not seen


def test_trainings_by_iterations_are_refused(tmp_path):
    by_iterations = dict(_delete_=True, by_epoch=False, max_iters=4, val_interval=4)
    runner = runs.make_runner(
        tmp_path,
        **{
            'train_cfg': by_iterations,
            'param_scheduler': [],
            'default_hooks.deferred_recipe': dict(
                type='DeferredRecipeHook', schedule=SCHEDULE
            ),
        },
    )
    with pytest.raises(ConfigError, match='counts iterations'):
        runner.train()


def test_mmpretrains_hook_cannot_tell_a_loss_the_counts(tmp_path):
    runner = runs.make_runner(
        tmp_path, custom_hooks=[dict(type='SwitchRecipeHook', schedule=SCHEDULE)]
    )
    with pytest.raises(ConfigError, match='use DeferredRecipeHook'):
        runner.train()


SEESAW = dict(type='SeesawLoss', num_classes=10)
CE = dict(type='CrossEntropyLoss', loss_weight=1.0)


@pytest.mark.parametrize('order', ['later', 'first'])
def test_a_loss_with_a_state_resumes_and_is_tested(order, tmp_path):
    """mmpretrain's SeesawLoss counts the samples it has seen."""
    settings = {}
    schedule = [dict(action_epoch=2, loss=SEESAW)]
    if order == 'first':
        settings['model.head.loss'] = dict(_delete_=True, **SEESAW)
        schedule = [dict(action_epoch=2, loss=CE)]
    make_runner(tmp_path / 'whole', schedule, epochs=3, **settings).train()
    for epoch in (1, 2):
        parts = tmp_path / f'parts{epoch}'
        runs.cut_off(tmp_path / 'whole', epoch, parts)
        make_runner(parts, schedule, epochs=3, resume=True, **settings).train()
        runs.assert_equal(runs.final_state(parts), runs.final_state(tmp_path / 'whole'))
    state = runs.final_state(tmp_path / 'whole')['state_dict']
    assert ('head.loss_module.cum_samples' in state) == (order == 'later')
    tested = make_runner(
        tmp_path / 'test',
        schedule,
        epochs=3,
        load_from=str(tmp_path / 'whole/epoch_3.pth'),
        **settings,
    )
    assert tested.test()['shot/all'] > 0


def test_a_pipeline_changes_behind_a_slice_too(tmp_path):
    """num_batch_per_epoch puts a slice around the data set."""
    pipeline = [dict(type='Resize', scale=24), dict(type='PackInputs')]
    schedule = [dict(action_epoch=2, train_pipeline=pipeline)]
    settings = {'train_dataloader.num_batch_per_epoch': 2}
    runner = make_runner(tmp_path, schedule, epochs=2, **settings)
    runner.train()
    assert runner.train_dataloader.dataset[0]['inputs'].shape == (3, 24, 24)


def test_data_without_a_pipeline(tmp_path):
    loader = SimpleNamespace(dataset=[1, 2])
    with pytest.raises(ConfigError, match='no pipeline to change'):
        DeferredRecipeHook._switch_train_pipeline(
            SimpleNamespace(train_dataloader=loader), None
        )

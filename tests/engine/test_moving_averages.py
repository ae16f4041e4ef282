"""Our components with mmpretrain's EMAHook, which keeps a copy of the model."""

import pytest
import torch
from mmengine.hooks import Hook
from mmpretrain.engine.hooks import EMAHook

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.weights import moving_averages, unwrapped
from tests.engine.runs import make_runner, weights

ONE_EPOCH = {'train_cfg.max_epochs': 1}


def averaged(**settings):
    return {'custom_hooks': [dict(type='EMAHook', momentum=0.01, **settings)]}


class Watch(Hook):
    """Copy tensors of the model before the training and in every evaluation."""

    priority = 'LOWEST'

    def __init__(self, read):
        self.read, self.begun, self.evaluated = read, [], []

    def before_train_epoch(self, runner):
        models = unwrapped(runner.model), *moving_averages(runner)
        self.begun.append([self.read(model).clone() for model in models])

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.evaluated.append(self.read(unwrapped(runner.model)).clone())


def watched(work_dir, read, **settings):
    runner = make_runner(work_dir, **settings)
    runner.register_hook(watch := Watch(read))
    runner.train()
    assert any(isinstance(hook, EMAHook) for hook in runner.hooks), "mmpretrain's"
    return watch


@pytest.fixture(scope='module')
def first_stage(tmp_path_factory):
    """Checkpoint of a CE training with a moving average."""
    work_dir = tmp_path_factory.mktemp('first')
    make_runner(work_dir, **averaged(), **ONE_EPOCH).train()
    return work_dir / 'epoch_1.pth'


def test_a_fresh_classifier_is_fresh_in_the_average_too(first_stage, tmp_path):
    settings = {
        'model.type': 'DecoupledClassifier',
        'default_hooks.second_stage': dict(type='SecondStageHook', fresh=['head']),
        'load_from': str(first_stage),
        **ONE_EPOCH,
    }
    old = weights(first_stage)['head.fc.weight']
    watch = watched(
        tmp_path, lambda model: model.head.fc.weight, **settings, **averaged()
    )
    source, average = watch.begun[0]
    assert not torch.isclose(source, old).any(1).all()
    assert torch.equal(source, average)
    watch = watched(
        tmp_path / 'features',
        lambda model: model.backbone.conv1.weight,
        **settings,
        **averaged(),
    )
    assert torch.equal(*watch.begun[0])
    checkpoint = torch.load(first_stage, weights_only=True)
    expected = checkpoint['state_dict']['backbone.conv1.weight']
    assert torch.equal(watch.begun[0][0], expected), 'features are the average'


HEADS = {
    'masks': dict(type='ResLTHead', groups=[3, 3, 4], loss=dict(type='ResLTLoss')),
    'own': dict(type='ShotSplitHead', split='few', many=60, few=10),
    'is_base': dict(type='FSLwFHead', few=10),
}
EXPECTED = {
    'masks': [10, 7, 4],
    'own': 3,
    'is_base': 7,
}


@pytest.mark.parametrize('update_buffers', [False, True])
@pytest.mark.parametrize('start', ['new', 'from an average'])
@pytest.mark.parametrize('name', HEADS)
def test_what_follows_from_the_counts_is_kept(
    name, start, update_buffers, first_stage, tmp_path
):
    few = dict(many=60, few=10)
    sampler = {
        'masks': {},
        'own': {'train_dataloader.sampler': dict(_delete_=True, type='ShotSplitSampler', split='few', **few)},
        'is_base': {'train_dataloader.sampler': dict(_delete_=True, type='ClassBalancedSampler', min_images=10)},
    }[name]  # fmt: skip
    settings = {
        'model.head': dict(
            _delete_=True, num_classes=10, in_channels=64, **HEADS[name]
        ),
        'train_dataloader.drop_last': False,
        'train_cfg.val_interval': 1,
        'load_from': str(first_stage) if start == 'from an average' else None,
        **sampler,
        **ONE_EPOCH,
    }
    if name == 'is_base':
        settings['default_hooks.class_means'] = dict(type='ClassMeansHook')
    watch = watched(
        tmp_path,
        lambda model: getattr(model.head, name).float(),
        **settings,
        **averaged(update_buffers=update_buffers),
    )
    (source, _), *_ = watch.begun
    for found in (source, watch.evaluated[0]):
        assert found.sum(-1).tolist() == EXPECTED[name]


def test_means_of_two_models_at_once_are_refused(tmp_path):
    settings = {
        'model.head.type': 'NCMHead',
        'default_hooks.class_means': dict(type='ClassMeansHook'),
        'train_cfg.val_interval': 1,
        **ONE_EPOCH,
    }
    make_runner(tmp_path / 'one', **settings, **averaged()).train()
    runner = make_runner(tmp_path, **settings, **averaged(evaluate_on_origin=True))
    with pytest.raises(ConfigError, match='evaluate_on_origin=True of EMAHook'):
        runner.train()

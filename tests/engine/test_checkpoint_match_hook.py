"""Which checkpoints fit a model."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmpretrain.registry import MODELS
from torch import nn

from mmlt_plugin.engine import (
    CheckpointMatchHook,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.weights import misfits, unwrapped
from tests.engine.test_hooks import make_runner


def checkpoint_of(model):
    return dict(state_dict={k: v.clone() for k, v in model.state_dict().items()})


@pytest.mark.parametrize('fine_tuning', [False, True])
def test_checkpoints_of_the_same_model_pass(fine_tuning):
    runner = make_runner([0])
    if fine_tuning:
        parameters = torch.optim.SGD(runner.model.parameters(), 0.1)
        runner.optim_wrapper = OptimWrapper(parameters)
    hook = CheckpointMatchHook()
    hook.after_load_checkpoint(runner, checkpoint_of(runner.model))
    wrapped = checkpoint_of(runner.model)['state_dict']
    for prefix in ('module.', 'module.module.'):  # DDP, DDP around TTA
        hook.after_load_checkpoint(
            runner, {f'{prefix}{name}': tensor for name, tensor in wrapped.items()}
        )


def test_checkpoints_of_another_model_are_refused():
    runner = make_runner([0])
    hook = CheckpointMatchHook()
    other = checkpoint_of(nn.Sequential(nn.Linear(2, 3)))
    part = checkpoint_of(runner.model)
    part['state_dict'].pop('0.bias')
    more = checkpoint_of(runner.model)
    more['state_dict']['branches.weight'] = torch.ones(3)
    for checkpoint, wrong, extra in ((other, 2, 0), (part, 1, 0), (more, 0, 1)):
        message = rf'some\.pth .*: {wrong} of 2 tensors .* {extra} have no place'
        with pytest.raises(ConfigError, match=message):
            hook.after_load_checkpoint(runner, checkpoint)
    # Fine-tuning takes what fits, if anything does.
    runner.optim_wrapper = OptimWrapper(torch.optim.SGD(runner.model.parameters(), 0.1))
    hook.after_load_checkpoint(runner, part)
    hook.after_load_checkpoint(runner, more)
    with pytest.raises(ConfigError, match='another model'):
        hook.after_load_checkpoint(runner, other)
    runner._resume = True
    with pytest.raises(ConfigError, match='another model'):
        hook.after_load_checkpoint(runner, part)


@pytest.mark.parametrize('size', [16, 32])
def test_position_embeddings_of_another_resolution_pass(size):
    settings = dict(
        type='VisionTransformer',
        arch=dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=24),
        patch_size=4,
    )
    nets = [
        nn.Sequential(MODELS.build(dict(settings, img_size=side)))
        for side in (16, size)
    ]
    checkpoint = checkpoint_of(nets[0])
    runner = make_runner([0])
    runner.model = nets[1]
    CheckpointMatchHook().after_load_checkpoint(runner, checkpoint)
    assert checkpoint['state_dict']['0.pos_embed'].shape == (1, 17, 24), (
        'left as it was'
    )
    checkpoint['state_dict']['0.pos_embed'] = torch.zeros(1, 17, 25)
    with pytest.raises(ConfigError, match=r'1 of \d+ tensors .* 0\.pos_embed first'):
        CheckpointMatchHook().after_load_checkpoint(runner, checkpoint)


def test_counters_of_batches_may_be_missing():
    norm = nn.BatchNorm2d(2)
    state = norm.state_dict()
    state.pop('num_batches_tracked')
    assert misfits(norm, state) == ([], [])


def test_wrappers_within_wrappers():
    wrapped = nn.DataParallel(nn.DataParallel(nn.Linear(1, 1)))
    assert type(unwrapped(wrapped)) is nn.Linear

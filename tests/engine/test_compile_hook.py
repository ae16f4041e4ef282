"""Compiling does not change a training."""

import shutil

import pytest
import torch
from mmpretrain.registry import HOOKS
from torch._dynamo.testing import CompileCounter

from mmlt_plugin.engine import CompileHook
from mmlt_plugin.errors import ConfigError
from tests.engine.runs import assert_equal, cut_off, final_state, make_runner


@HOOKS.register_module()
class CountGraphsHook(CompileHook):
    """Compile with a backend that runs the graph unchanged, and count graphs."""

    def __init__(self, fullgraph=True):
        torch._dynamo.reset()
        self.counter = CompileCounter()
        super().__init__(backend=self.counter, fullgraph=fullgraph)


def graphs(runner):
    return next(h for h in runner.hooks if isinstance(h, CountGraphsHook)).counter


@pytest.mark.parametrize('in_memory', [True, False])
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_one_graph_and_the_same_training(method, in_memory, tmp_path):
    """Three epochs with changing learning rates and alphas; labels in bulk or not."""
    settings = {
        'config': f'{method}/resnet20_digits-lt-if32.py',
        'in_memory': in_memory,
        'param_scheduler': [dict(type='ExponentialLR', gamma=0.9, by_epoch=False)],
    }
    states = []
    for hooks in ([dict(type='CountGraphsHook')], []):
        runner = make_runner(tmp_path / str(len(hooks)), custom_hooks=hooks, **settings)
        runner.train()
        states.append(final_state(tmp_path / str(len(hooks))))
        if hooks:
            assert graphs(runner).frame_count == 1
            assert 'loss' not in vars(runner.model)  # as before the training
    assert_equal(*states)


def test_the_last_batch_of_another_size_is_compiled_once(tmp_path):
    settings = {'train_dataloader.drop_last': False}
    runner = make_runner(
        tmp_path,
        in_memory=True,
        custom_hooks=[dict(type='CountGraphsHook')],
        **settings,
    )
    assert len(runner.train_dataloader.dataset) % runner.train_dataloader.batch_size
    runner.train()
    assert graphs(runner).frame_count == 2


def test_losses_with_class_counts_and_a_switch(tmp_path):
    """Deferred re-weighting recompiles when the loss changes, and only then."""
    hooks = [
        dict(type='CountGraphsHook'),
        dict(
            type='DeferredRecipeHook',
            schedule=[
                dict(
                    action_epoch=2, loss=dict(type='ReweightedLoss', scheme='effective')
                )
            ],
        ),
    ]
    runner = make_runner(tmp_path, in_memory=True, custom_hooks=hooks)
    runner.train()
    assert graphs(runner).frame_count == 2


def test_with_a_moving_average(tmp_path):
    hooks = [
        dict(type='CountGraphsHook'),
        dict(type='EMAHook', momentum=0.1, priority='ABOVE_NORMAL'),
    ]
    make_runner(tmp_path, custom_hooks=hooks, **{'train_cfg.max_epochs': 1}).train()
    assert 'ema_state_dict' in torch.load(tmp_path / 'epoch_1.pth', weights_only=True)


@pytest.mark.skipif(not shutil.which('g++'), reason='needs a compiler')
def test_resuming_a_compiled_training(tmp_path):
    """With PyTorch's own compiler, whose rounding differs from eager mode."""
    settings = {
        'custom_hooks': [dict(type='CompileHook')],
        'model.head.type': 'CosineClsHead',
        'model.head.loss': dict(type='LDAMLoss', scheme='effective'),
        'train_cfg.max_epochs': 2,
    }
    make_runner(tmp_path / 'whole', **settings).train()
    cut_off(tmp_path / 'whole', 1, tmp_path / 'parts')
    first = tmp_path / 'parts/epoch_1.pth'
    written = first.stat().st_mtime_ns
    make_runner(tmp_path / 'parts', resume=True, **settings).train()
    assert first.stat().st_mtime_ns == written  # it did not begin again
    found, expected = (final_state(tmp_path / d, 2) for d in ('parts', 'whole'))
    assert_equal(found, expected)


@pytest.mark.parametrize('mode', ['reduce-overhead', 'max-autotune'])
def test_accumulated_gradients_in_cuda_graphs(mode, tmp_path):
    settings = {'optim_wrapper.accumulative_counts': 2}
    hooks = [dict(type='CompileHook', mode=mode)]
    with pytest.raises(ConfigError, match='accumulative_counts'):
        make_runner(tmp_path, custom_hooks=hooks, **settings).train()


def test_a_loss_of_its_own_is_refused(tmp_path):
    runner = make_runner(
        tmp_path,
        custom_hooks=[dict(type='CompileHook')],
        **{'model.type': 'ManifoldMixupClassifier', 'model.head.loss.use_soft': True},
    )
    with pytest.raises(ConfigError, match=r'ManifoldMixupClassifier.*--compile'):
        runner.train()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('mode', ['default', 'reduce-overhead'])
@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_on_a_gpu(method, mode, tmp_path):
    """The first losses agree up to rounding."""
    histories = []
    for hooks in ([dict(type='CompileHook', mode=mode)], []):
        runner = make_runner(
            tmp_path / str(len(hooks)),
            config=f'{method}/resnet20_digits-lt-if32.py',
            in_memory=True,
            custom_hooks=hooks,
        )
        runner.train()
        histories.append(runner.message_hub.get_scalar('train/loss').data[0])
    assert histories[0][:5] == pytest.approx(histories[1][:5], rel=1e-2)

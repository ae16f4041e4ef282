"""Bad input: one sentence that names the key or the file, exit code 2, nothing lost."""

import pytest
import torch

from tests.conftest import ROOT

CONFIG = 'configs/reslt/resnet20_digits-lt-if32.py'
BBN = 'configs/bbn/resnet20_digits-lt-if32.py'
CIFAR = 'configs/reslt/resnet32_cifar100-lt-if100.py'
TRAIN = {
    'unknown profile': (
        CONFIG, 'train_dataloader.dataset.profile=linear', "profile='linear'",
    ),
    'imbalance factor': (
        CONFIG, 'train_dataloader.dataset.imbalance_factor=100', 'imbalance_factor=100',
    ),
    'group sizes': (CONFIG, 'model.head.groups=[3,3,3]', 'groups=[3, 3, 3]'),
    'alpha': (CONFIG, 'model.head.loss.alpha=1.5', 'alpha=1.5'),
    'number of classes': (
        CONFIG, 'model.head.num_classes=12 model.head.groups=3', 'model.head.num_classes=12',
    ),
    'data folder': (
        CIFAR, 'train_dataloader.dataset.dataset.data_root=nowhere/data '
        'train_dataloader.dataset.dataset.download=False', 'nowhere/data',
    ),
    'odd batch in a bilateral model': (
        CONFIG, 'model.backbone._delete_=True model.backbone.type=BilateralTrunk '
        'model.backbone.backbone.type=CIFARResNet train_dataloader.batch_size=33',
        'BilateralBatchSampler',
    ),
    'mixup in a bilateral batch': (
        BBN, 'model.train_cfg.augments.type=Mixup model.train_cfg.augments.alpha=1.0',
        'mixup',
    ),
    'alpha of BBN': (
        BBN, 'default_hooks.cumulative_alpha.schedule=constant '
        'default_hooks.cumulative_alpha.value=1.5', 'value=1.5',
    ),
    'max_epochs': (BBN, 'train_cfg.max_epochs=None', 'train_cfg.max_epochs'),
    'type': (CONFIG, 'model.head.type=ResLTHaed', "(do you mean 'ResLTHead'?)"),
    'argument': (
        CONFIG, 'model.head.loss.alhpa=0.9',
        "ResLTLoss has no argument 'alhpa' (do you mean 'alpha'?)",
    ),
    'argument of an inherited config': (
        CONFIG, 'train_dataloader.sampler.type=ClassBalancedSampler',
        "ClassBalancedSampler has no argument 'shuffle'; if an inherited config sets it, "
        'add _delete_=True',
    ),
    'argument that is missing': (
        CONFIG, 'default_hooks.deferred_recipe.type=DeferredRecipeHook', "needs 'schedule'",
    ),
    'loss of another head': (
        CONFIG, 'model.head.loss._delete_=True model.head.loss.type=CrossEntropyLoss',
        'CrossEntropyLoss does not',
    ),
    'argument of a loop': (
        CONFIG, 'train_cfg.max_epoch=2',
        "EpochBasedTrainLoop has no argument 'max_epoch' (do you mean 'max_epochs'?)",
    ),
    'argument of a dataloader': (
        CONFIG, 'train_dataloader.batchsize=8',
        "DataLoader has no argument 'batchsize' (do you mean 'batch_size'?)",
    ),
    'what a constructor refuses': (
        CONFIG, 'model.backbone._delete_=True model.backbone.type=ResNet '
        'model.backbone.depth=19',
        'ResNet: invalid depth 19 for resnet',
    ),
    'schedule that begins too late': (
        CONFIG, 'train_cfg.max_epochs=1 param_scheduler.0.begin=20',
        'end should be larger than begin',
    ),
    'key': (
        CONFIG, 'optim_wraper.optimizer.lr=1',
        "'optim_wraper' is no key of the config: do you mean 'optim_wrapper'?",
    ),
    'config file': ('configs/no_such_config.py', '', 'no_such_config.py'),
    'checkpoint to resume': (CONFIG, 'load_from=nowhere.pth resume=True', 'nowhere.pth'),
}  # fmt: skip


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def used_work_dir(tmp_path):
    """A work dir with files of an earlier run."""
    work_dir = tmp_path / 'work'
    work_dir.mkdir()
    for name in ('epoch_60.pth', 'last_checkpoint', CONFIG.split('/')[-1]):
        (work_dir / name).write_text(f'{name} of the earlier run')
    return work_dir


def check_error(output, message):
    errors = [line for line in output.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1, output[-3000:]
    assert message in errors[0]
    assert 'Traceback' not in output


@pytest.mark.parametrize(('config', 'options', 'message'), TRAIN.values(), ids=TRAIN)
def test_training(run_tool, used_work_dir, config, options, message):
    before = snapshot(used_work_dir)
    overrides = ['--cfg-options', *options.split()] if options else []
    output = run_tool('train.py', config, *overrides, expect=2, work_dir=used_work_dir)
    check_error(output, message)
    assert snapshot(used_work_dir) == before


def test_label_outside_the_classes(run_tool, used_work_dir, tmp_path):
    images = tmp_path / 'images.txt'
    images.write_text('a.png 0\nb.png 12\n')
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = '{ROOT / CONFIG}'
train_dataloader = dict(dataset=dict(
    _delete_=True, type='CustomDataset', data_root='{tmp_path}', ann_file='images.txt',
    metainfo=dict(classes=list('0123456789')), pipeline=[],
))
""")
    output = run_tool('train.py', config, expect=2, work_dir=used_work_dir)
    check_error(output, 'label 12 of item 1')


def test_checkpoint_of_another_model(run_tool, tmp_path):
    checkpoint = tmp_path / 'other.pth'
    torch.save(dict(state_dict=torch.nn.Linear(2, 2).state_dict(), meta={}), checkpoint)
    output = run_tool('test.py', CONFIG, checkpoint, expect=2)
    check_error(output, 'other.pth is of another model')


def test_checkpoint_of_another_method(run_tool, tmp_path):
    """A ResLT checkpoint contains all tensors of a CE model, and more."""
    from mmengine.config import Config
    from mmpretrain.registry import MODELS

    model = MODELS.build(Config.fromfile(ROOT / CONFIG).model)
    checkpoint = tmp_path / 'reslt.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    config = 'configs/ce/resnet20_digits-lt-if32.py'
    output = run_tool('test.py', config, checkpoint, expect=2)
    check_error(output, 'reslt.pth is of another model: 0 of')


def test_missing_image(run_tool, used_work_dir, tmp_path):
    (tmp_path / 'images.txt').write_text('gone.png 0\n' * 64)
    config = tmp_path / 'config.py'
    config.write_text(f"""
_base_ = '{ROOT / CONFIG}'
train_dataloader = dict(num_workers=1, dataset=dict(
    _delete_=True, type='CustomDataset', data_root='{tmp_path}', ann_file='images.txt',
    metainfo=dict(classes=list('0123456789')),
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
))
""")
    before = snapshot(used_work_dir)
    output = run_tool('train.py', config, expect=2, work_dir=used_work_dir)
    check_error(output, 'gone.png')
    assert snapshot(used_work_dir) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason='the machine has CUDA')
def test_other_classes_than_trained(run_tool, tmp_path):
    options = ['--cfg-options', 'model.backbone.depth=8']
    epochs = ['train_cfg.max_epochs=1', 'default_hooks.checkpoint.interval=1']
    run_tool('train.py', CONFIG, *options, *epochs)
    checkpoint = torch.load(tmp_path / 'work/epoch_1.pth', weights_only=True)
    classes = list(checkpoint['meta']['dataset_meta']['classes'])
    classes[3], classes[7] = classes[7], classes[3]
    checkpoint['meta']['dataset_meta']['classes'] = classes
    torch.save(checkpoint, tmp_path / 'other.pth')
    output = run_tool('test.py', CONFIG, tmp_path / 'other.pth', *options, expect=2)
    check_error(output, 'label 3 is')


def test_arguments_of_test(run_tool, tmp_path):
    missing = run_tool('test.py', CONFIG, tmp_path / 'missing.pth', expect=2)
    check_error(missing, 'missing.pth')
    check_error(
        run_tool('test.py', CONFIG, 'x.pth', '--out-item', 'pred', expect=2), '--out'
    )

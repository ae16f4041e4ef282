from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from mmengine.visualization import Visualizer
from mmpretrain.models import LinearClsHead
from mmpretrain.structures import DataSample
from torch import nn
from torch.utils.data import BatchSampler

from mmlt_plugin.class_names import (
    check_names,
    first_difference,
    number_of_classes,
    placeholders,
)
from mmlt_plugin.engine import (
    AtomicCheckpointHook,
    ClassCountsHook,
    FolderVisualizationHook,
)
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import LogitAdjustedHead


class Listener(nn.Module):
    """Any module or metric with the method that the hook looks for."""

    def __init__(self, num_classes=4):
        super().__init__()
        self.num_classes = num_classes
        self.counts = None

    def set_class_counts(self, counts):
        assert len(counts) == self.num_classes
        self.counts = counts


class Labels:
    def __init__(self, labels, classes='abcd'):
        self.labels = labels
        self.metainfo = dict(classes=tuple(classes)) if classes else {}

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return np.asarray(self.labels)


class Loader(list):
    """A dataloader of two batches."""

    def __init__(self, labels):
        super().__init__([0, 1])
        self.dataset = Labels(labels)
        self.sampler = range(len(labels))
        self.batch_sampler = BatchSampler(self.sampler, 1, drop_last=False)


def make_runner(labels, metrics=(), **kwargs):
    model = nn.Sequential(nn.Linear(2, 2), Listener())
    loop = SimpleNamespace(
        dataloader=SimpleNamespace(dataset=Labels([0])),
        evaluator=SimpleNamespace(metrics=list(metrics)),
    )
    return SimpleNamespace(
        **{
            **dict(
                model=model,
                train_dataloader=Loader(labels),
                val_loop=loop,
                test_loop=loop,
                cfg={},
                hooks=[],
                iter=0,
                logger=MMLogger.get_current_instance(),
                work_dir='work',
                _load_from='some.pth',
                _resume=False,
                optim_wrapper=None,
            ),
            **kwargs,
        }
    )


def test_counts_flow_from_the_training_set_to_modules_metrics_and_checkpoint():
    metric = Listener()
    runner = make_runner([0, 0, 2], metrics=[metric])
    hook = ClassCountsHook()
    hook.before_train(runner)
    assert runner.model[1].counts.tolist() == [2, 0, 1, 0]
    hook.before_val(runner)
    assert metric.counts.tolist() == [2, 0, 1, 0]
    checkpoint = dict(meta={})
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['meta']['class_counts'] == [2, 0, 1, 0]
    assert all(type(n) is int for n in checkpoint['meta']['class_counts'])


def test_a_loss_may_refuse_its_head():
    """A head's first loss, and one that a deferred recipe brings later."""
    head = LinearClsHead(num_classes=4, in_channels=2, loss=dict(type='LDAMLoss'))
    with pytest.raises(ConfigError, match='LinearClsHead gives other logits'):
        ClassCountsHook().before_train(make_runner([0, 1, 2, 3], model=head))


def test_counts_flow_from_the_checkpoint_in_testing():
    metric = Listener()
    runner = make_runner([0], metrics=[metric])
    hook = ClassCountsHook()
    hook.after_load_checkpoint(runner, dict(meta=dict(class_counts=[9, 0, 1, 2])))
    hook.before_test(runner)
    assert runner.model[1].counts.tolist() == metric.counts.tolist() == [9, 0, 1, 2]


def test_a_validation_alone_tells_the_model_once():
    metric = Listener()
    runner = make_runner([0], metrics=[metric])
    hook = ClassCountsHook()
    hook.after_load_checkpoint(runner, dict(meta=dict(class_counts=[9, 0, 1, 2])))
    hook.before_val(runner)
    assert runner.model[1].counts.tolist() == metric.counts.tolist() == [9, 0, 1, 2]
    runner.model[1].counts = None
    hook.before_val(runner)
    assert runner.model[1].counts is None


def test_a_checkpoint_without_counts_is_helped_out_by_the_config():
    metric = Listener(10)
    runner = make_runner([0], metrics=[metric])
    runner.model = nn.Sequential(Listener(10))
    runner.test_loop.dataloader.dataset = Labels([0], '0123456789')
    dataset = dict(type='Digits', split='train')
    runner.cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
    hook = ClassCountsHook()
    hook.after_load_checkpoint(runner, dict(meta={}))
    hook.before_test(runner)
    assert metric.counts.sum() == 1297


def test_a_head_that_predicts_by_counts_is_helped_out_too():
    runner = make_runner([0], metrics=[])
    runner.model = nn.Sequential(LogitAdjustedHead(num_classes=10, in_channels=2))
    runner.test_loop.dataloader.dataset = Labels([0], '0123456789')
    runner.cfg = Config(
        dict(train_dataloader=dict(dataset=dict(type='Digits', split='train')))
    )
    ClassCountsHook().before_test(runner)
    assert runner.model.eval()[0]((torch.zeros(1, 2),)).isfinite().all()


def test_a_resumed_run_needs_the_same_counts():
    hook = ClassCountsHook()
    runner = make_runner([0, 1], iter=100)
    hook.after_load_checkpoint(runner, dict(meta=dict(class_counts=[5, 5, 5, 5])))
    with pytest.raises(ConfigError, match='resumes from'):
        hook.before_train(runner)
    runner.iter = 0  # load_from: other data is the point of fine-tuning
    hook.before_train(runner)
    assert hook.counts.tolist() == [1, 1, 0, 0]


def test_fewer_images_than_a_batch():
    runner = make_runner([0, 1])
    runner.train_dataloader.clear()
    with pytest.raises(ConfigError, match='2 training images do not fill one batch'):
        ClassCountsHook().before_train(runner)


def test_fine_tuning_may_change_the_classes():
    runner = make_runner([0, 1])
    hook = ClassCountsHook()
    hook.after_load_checkpoint(runner, dict(meta=dict(class_counts=[7] * 10)))
    hook.before_train(runner)
    assert runner.model[1].counts.tolist() == [1, 1, 0, 0]


def test_validation_classes_are_checked_before_training():
    runner = make_runner([0, 1])
    runner.val_loop.dataloader.dataset = Labels([0], 'abc')
    with pytest.raises(ConfigError, match='4 classes and the validation dataset 3'):
        ClassCountsHook().before_train(runner)


def test_validation_classes_have_the_same_names():
    runner = make_runner([0, 1])
    names = list(runner.train_dataloader.dataset.metainfo['classes'])
    names[2:] = ['aardvark', *names[3:]]
    runner.val_loop.dataloader.dataset = Labels([0], names)
    with pytest.raises(
        ConfigError, match=r"label 2 is .* 'aardvark' in the data to eval"
    ):
        ClassCountsHook().before_train(runner)


def test_numbers_in_the_place_of_names_are_not_compared():
    runner = make_runner([0, 1])
    runner.val_loop.dataloader.dataset = Labels([0], '0123')
    ClassCountsHook().before_train(runner)
    assert first_difference(['cat', 'dog'], ['0', '1']) is None
    assert first_difference(['0', '1', '2'], ['0', '2', '1']) == 1  # these are names
    assert first_difference(['1', '2'], placeholders(2)) is None
    assert first_difference(placeholders(2), ['cat', 'dog']) is None
    assert first_difference(['0', '1'], ['1', '2']) == 0
    assert first_difference(['cat', 'dog'], []) is None
    assert first_difference(['cat', 'dog'], ['cat', 'dog']) is None
    assert first_difference(['cat', 'dog'], ['cat', 'dog', 'owl']) == 2
    assert first_difference(['cat', 'dog'], ['dog', 'cat']) == 0
    with pytest.raises(
        ConfigError, match="label 2 is no class in training and 'owl' in"
    ):
        check_names(['cat', 'dog'], ['cat', 'dog', 'owl'])


def test_classes_without_images_are_named():
    runner = make_runner([0, 1])
    warnings = []
    runner.logger = SimpleNamespace(info=print, warning=warnings.append)
    ClassCountsHook().before_train(runner)
    names = runner.train_dataloader.dataset.metainfo['classes']
    assert warnings == [
        f'2 of 4 classes have no training image: {names[2]}, {names[3]}'
    ]


def test_number_of_classes():
    without = Listener(-1)  # mmpretrain's VGG without its classifier
    assert number_of_classes(nn.Sequential(without, Listener(4)), Labels([0])) == 4
    model = nn.Sequential()
    model.data_preprocessor, model.head = Listener(9), Listener(7)
    assert number_of_classes(model, Labels([0], None)) == 7
    with pytest.raises(ConfigError, match=r'^data_preprocessor\.num_classes=9'):
        number_of_classes(model, Labels([0]))
    assert number_of_classes(nn.Sequential(Listener(4)), Labels([0])) == 4
    assert number_of_classes(nn.Sequential(Listener(7)), Labels([0], None)) == 7
    with pytest.raises(ConfigError, match=r'model\.0\.num_classes=3 .* 4 classes'):
        number_of_classes(nn.Sequential(Listener(3)), Labels([0]))
    with pytest.raises(ConfigError, match='how many classes'):
        number_of_classes(nn.Linear(1, 1), Labels([0], None))


def test_pictures_of_images_with_equal_names(monkeypatch):
    drawn = []
    artist = SimpleNamespace(
        visualize_cls=lambda **told: drawn.append(told['out_file']),
        dataset_meta=dict(classes=('cat', 'dog')),
    )
    monkeypatch.setattr(Visualizer, 'get_current_instance', lambda: artist)
    hook = FolderVisualizationHook(enable=True, interval=1, out_dir='shown')
    paths = ['data/cat/1.jpg', 'data/dog/1.jpg', '1.jpg', None]
    samples = [DataSample(metainfo=dict(img_path=p) if p else {}) for p in paths]
    hook.after_test_iter(None, 0, dict(inputs=torch.zeros(4, 3, 2, 2)), samples)
    names = ['cat_1.jpg_0', 'dog_1.jpg_0', '1.jpg_0', '3_0']
    assert drawn == [f'shown/{name}.png' for name in names]
    assert samples[0].img_path == 'data/cat/1.jpg', 'others may need it'
    paths = ['data/cat/old/1.jpg', 'data/dog/old/1.jpg', 'data/other/old/1.jpg']
    samples = [DataSample(metainfo=dict(img_path=path)) for path in paths]
    for sample, label in zip(samples, (0, 1, 1)):
        sample.set_gt_label(label)
    drawn.clear()
    hook.after_test_iter(None, 0, dict(inputs=torch.zeros(3, 3, 2, 2)), samples)
    names = ['cat_old_1.jpg_0', 'dog_old_1.jpg_0', 'old_1.jpg_0']
    assert drawn == [f'shown/{name}.png' for name in names]


@pytest.mark.parametrize(
    ('metric', 'rule'),
    [('shot/all', 'greater'), ('single-label/f1-score', 'greater'), ('loss', 'less')],
)
def test_the_best_value_of_a_metric(metric, rule):
    assert AtomicCheckpointHook(save_best=metric).rules == [rule]


def test_the_best_by_a_metric_that_is_none():
    hook = AtomicCheckpointHook(save_best='shot/al')
    with pytest.raises(ConfigError, match=r"save_best='shot/al'.*\['shot/all'\]"):
        hook._save_best_checkpoint(make_runner([0, 1]), {'shot/all': 1.0})


def test_the_best_by_any_metric(monkeypatch):
    called = []
    monkeypatch.setattr(
        CheckpointHook, '_save_best_checkpoint', lambda *arguments: called.append(1)
    )
    hook = AtomicCheckpointHook(save_best='auto')
    hook.file_backend = SimpleNamespace(remove=None)
    hook._save_best_checkpoint(None, {'shot/all': 1.0})
    assert called

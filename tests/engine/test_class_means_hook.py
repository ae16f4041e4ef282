"""Mean features: one process and two agree with a naive mean."""

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from mmlt_plugin.datasets import Digits, LongTailedDataset
from mmlt_plugin.datasets.pipelines import use_pipeline
from mmlt_plugin.engine import ClassMeansHook, hooks
from mmlt_plugin.engine.hooks.class_means_hook import class_means
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import DecoupledClassifier, FSLwFHead, NCMHead
from tests.engine.test_hooks import make_runner
from tests.models.samples import samples

PIPELINE = [dict(type='Resize', scale=16), dict(type='PackInputs')]


def make(rank=0):
    torch.manual_seed(0)
    model = DecoupledClassifier(
        backbone=dict(type='CIFARResNet', depth=8),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='NCMHead', num_classes=12, in_channels=64),
        data_preprocessor=dict(mean=[77.0] * 3, std=[96.0] * 3),
    )
    dataset = LongTailedDataset(
        Digits(split='train', pipeline=PIPELINE), imbalance_factor=0.1
    )
    sampler = DefaultSampler(dataset, shuffle=False, round_up=False)
    # 33 does not divide the images, nor do two ranks.
    loader = DataLoader(dataset, 33, sampler=sampler, collate_fn=pseudo_collate)
    return model, dataset, loader


def means_on(rank):
    model, _, loader = make()
    return class_means(model, loader, 12)


def test_against_a_naive_mean():
    model, dataset, _ = make()
    found = means_on(0)
    model.eval()
    sums, images = torch.zeros(12, 64), torch.zeros(12)
    with torch.no_grad():
        for sample in dataset:
            data = model.data_preprocessor(
                dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
            )
            label = int(sample['data_samples'].gt_label)
            sums[label] += model.extract_feat(data['inputs'])[-1][0]
            images[label] += 1
    for c in range(10):
        torch.testing.assert_close(found[c], sums[c] / images[c], rtol=1e-4, atol=1e-5)
    assert not found[10:].any(), 'classes without images'


def test_a_head_that_says_what_is_averaged():
    model, dataset, loader = make()
    model.head = FSLwFHead(12, 64, few=20, novel=3)
    torch.nn.init.normal_(model.head.generator.of_attention)
    counts = torch.bincount(torch.from_numpy(dataset.get_gt_labels()), minlength=12)
    model.head.set_class_counts(counts.numpy())
    found = class_means(model, loader, 12)
    rare = int(counts[:10].argmin())
    assert 0 < counts[rare] < 20
    with torch.no_grad():
        features = torch.cat(
            [
                model.extract_feat(model.data_preprocessor(batch)['inputs'])[0]
                for batch in loader
            ]
        )
        images = features[dataset.get_gt_labels() == rare]
        shares = [model.head.share_of_row(image[None])[0] for image in images]
        expected = sum(shares) / len(shares)
        torch.testing.assert_close(found[rare], expected, rtol=1e-4, atol=1e-5)
        # And the row classifies.
        model.head.set_class_means(found)
        logits = model.head((features,))
    cosine = torch.nn.functional.cosine_similarity(features, expected[None])
    torch.testing.assert_close(
        logits[:, rare], model.head.scale.detach() * cosine, rtol=1e-3, atol=1e-4
    )
    assert (logits[:, 10:] == -torch.inf).all()


@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2):
    first, second = gloo2.run(means_on)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, means_on(0), rtol=1e-5, atol=1e-6)


def test_pipelines_are_replaced_through_wrappers():
    leaf = dict(type='A', pipeline=[1])
    nest = dict(type='B', datasets=[dict(type='C', dataset=dict(leaf)), dict(leaf)])
    use_pipeline(nest, [2])
    assert nest['datasets'][0]['dataset']['pipeline'] == [2]
    assert nest['datasets'][1]['pipeline'] == [2]


@pytest.mark.parametrize(
    ('before', 'iterations', 'evaluation', 'expected'),
    [
        ('evaluation', 0, {}, ['val', 'test']),
        ('train', 0, {}, ['val']),
        ('train', 7, {}, []),  # resumed: the head has gone on from the means
        ('train', 0, dict(val_dataloader=None), ['test']),
    ],
)
def test_when(monkeypatch, before, iterations, evaluation, expected):
    loaders = dict(val_dataloader='val', test_dataloader='test')
    runner = make_runner([0], cfg=ConfigDict(loaders, **evaluation))
    runner.iter = iterations
    found = []
    hook = ClassMeansHook(before=before)
    monkeypatch.setattr(hook, '_bring_means', lambda _, loader: found.append(loader))
    for event in ('before_train', 'before_val_epoch', 'before_test_epoch'):
        getattr(hook, event)(runner)
    assert found == expected


def test_no_pipeline_to_take():
    runner = make_runner([0], cfg={})
    runner.iter = 0
    with pytest.raises(ConfigError, match='val_dataloader or test_dataloader'):
        ClassMeansHook(before='train').before_train(runner)
    with pytest.raises(ConfigError, match="before='test' of ClassMeansHook"):
        ClassMeansHook(before='test')


def test_a_head_without_means():
    runner = make_runner([0], cfg={})
    runner.model.head = torch.nn.Identity()
    with pytest.raises(ConfigError, match='NCMHead'):
        ClassMeansHook()._bring_means(runner, None)


def test_only_images_that_the_head_wants(monkeypatch):
    model, dataset, _ = make()
    model.head = FSLwFHead(12, 64, few=60)
    counts = np.bincount(dataset.get_gt_labels(), minlength=12)
    model.head.set_class_counts(counts)
    seen = []

    def look(_, loader, classes):
        seen.extend(int(s.gt_label) for batch in loader for s in batch['data_samples'])
        return torch.zeros(classes, 64)

    monkeypatch.setattr(hooks.class_means_hook, 'class_means', look)
    runner = make_runner([0])
    runner.model = model
    runner.build_dataloader = Runner.build_dataloader
    init_default_scope('mmpretrain')
    digits = dict(type='Digits', split='train', pipeline=PIPELINE)
    rare = dict(type='LongTailedDataset', imbalance_factor=0.1, dataset=digits)
    runner.cfg = ConfigDict(
        train_dataloader=dict(dataset=rare, num_workers=0, sampler=dict(type='other'))
    )
    evaluation = ConfigDict(batch_size=9, dataset=dict(pipeline=PIPELINE))
    ClassMeansHook()._bring_means(runner, evaluation)
    found = np.bincount(seen, minlength=12)
    assert 0 < found.sum() < counts.sum()
    assert found.tolist() == [count if count < 60 else 0 for count in counts]


def test_images_of_means_are_those_of_an_evaluation():
    """In training mode the preprocessor may mix images."""
    modes = []

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = NCMHead(num_classes=2, in_channels=2)

        def data_preprocessor(self, data, training):
            modes.append(training)
            return data

        def extract_feat(self, inputs, stage):
            return inputs

    class_means(Model(), [dict(inputs=torch.eye(2), data_samples=samples([0, 1]))], 2)
    assert modes == [False]

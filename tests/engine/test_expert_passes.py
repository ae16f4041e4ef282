"""LFME's accuracies, confidences and curriculum against loops."""

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, DefaultSampler, pseudo_collate
from torch.utils.data import DataLoader

from mmlt_plugin.datasets import (
    Digits,
    LongTailedDataset,
)
from mmlt_plugin.engine.curriculum import first_easiness, within_classes
from mmlt_plugin.engine.expert_passes import class_accuracies, confidences
from mmlt_plugin.errors import ConfigError
from tests.models.experts import COUNTS, SPLITS, make_expert, make_student


def test_easiness_within_classes():
    rng = np.random.default_rng(0)
    counts = np.bincount(rng.integers(0, 5, 40), minlength=6)
    label = np.repeat(np.arange(6), counts)[rng.permutation(40)]
    label[7] = -1  # a number that no image has
    confidence = rng.random(40)
    start = np.array([0.1, 0.5, 1.0, 0.2, 0.9, 0.3])
    found = within_classes(confidence, label, start)
    for i in range(40):
        own = [confidence[j] for j in range(40) if label[j] == label[i]]
        if label[i] < 0:
            continue
        share = (confidence[i] - min(own)) / (max(own) - min(own))
        expected = share * (1 - start[label[i]]) + start[label[i]]
        assert found[i] == pytest.approx(expected)
    alike = within_classes(np.full(4, 0.3), np.zeros(4, int), np.array([0.1]))
    assert alike.tolist() == [1] * 4, 'nothing to order'


def test_where_easiness_starts():
    counts = np.array(COUNTS)
    found = first_easiness(counts, [np.array(own) for own in SPLITS.values()])
    few = (7 + 3) / 2
    expected = [0] * 7
    for own in SPLITS.values():
        for c in own:
            expected[c] = few / (sum(COUNTS[i] for i in own) / len(own))
    assert found.tolist() == pytest.approx(expected)


def digits_loader():
    dataset = LongTailedDataset(
        Digits(
            split='train',
            pipeline=[dict(type='Resize', scale=16), dict(type='PackInputs')],
        ),
        imbalance_factor=0.1,
    )
    sampler = DefaultSampler(dataset, shuffle=False, round_up=False)
    # 33 does not divide the images, nor do two ranks.
    return DataLoader(dataset, 33, sampler=sampler, collate_fn=pseudo_collate)


def passes_on(rank):
    loader = digits_loader()
    counts = np.bincount(loader.dataset.get_gt_labels())
    experts = [make_expert(s, i, 10, counts) for i, s in enumerate(['many', 'medium'])]
    preprocess = make_student().data_preprocessor
    return (
        *confidences(experts, loader, preprocess),
        class_accuracies(experts, loader, preprocess),
    )


def test_passes_against_loops():
    dataset = digits_loader().dataset
    counts = np.bincount(dataset.get_gt_labels())
    experts = [make_expert(s, i, 10, counts) for i, s in enumerate(['many', 'medium'])]
    found, labels, accuracies = passes_on(0)
    hits, images, seen = np.zeros((2, 10)), np.zeros(10), set()
    for sample in dataset:
        data = experts[0].data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        )
        label = int(sample['data_samples'].gt_label)
        number = sample['data_samples'].sample_idx
        with torch.no_grad():
            logits = [e.head(e.extract_feat(data['inputs']))[0] for e in experts]
        own = 0 if counts[label] > 100 else 1
        torch.testing.assert_close(
            found[number], float(logits[own].softmax(0)[label]), rtol=1e-4, atol=1e-6
        )
        assert labels[number] == label
        seen.add(number)
        images[label] += 1
        hits[:, label] += [int(z.argmax()) == label for z in logits]
    assert sorted(seen) == list(range(len(labels)))
    np.testing.assert_allclose(accuracies, 100 * hits / images)


def test_some_images_only_and_some_twice():
    dataset = digits_loader().dataset
    expert = make_expert('many', 0, 10, [200] * 10)

    def found_of(items):
        loader = DataLoader(dataset, 8, sampler=items, collate_fn=pseudo_collate)
        return confidences([expert], loader, expert.data_preprocessor)

    found, labels = found_of([5, 9, 9, 7, 9])
    once, _ = found_of(range(12))
    np.testing.assert_allclose(found[[5, 7, 9]], once[[5, 7, 9]], rtol=1e-5)
    absent = [0, 1, 2, 3, 4, 6, 8]
    assert not found[absent].any()
    assert labels[absent].tolist() == [-1] * 7


@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2):
    whole = passes_on(0)
    for rank in gloo2.run(passes_on):
        for a, b in zip(rank, whole):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_images_that_cannot_be_told_apart():
    pipeline = [dict(type='Resize', scale=16), dict(type='PackInputs')]
    parts = [Digits(split=split, pipeline=pipeline) for split in ('train', 'test')]
    loader = DataLoader(ConcatDataset(parts), 64, collate_fn=pseudo_collate)
    expert = make_expert('many', 0, 10, [200] * 10)
    with pytest.raises(ConfigError, match='concatenated'):
        confidences([expert], loader, expert.data_preprocessor)

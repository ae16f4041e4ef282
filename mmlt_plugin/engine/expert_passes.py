"""Passes of students and experts over all images of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce

from ..datasets.bulk import image_numbers
from ..errors import ConfigError
from ..models.heads.targets import own_labels
from ..weights import device_of
from .images_once import batches


@torch.no_grad()
def class_accuracies(
    models: Sequence[Any], dataloader: Any, preprocess: Callable
) -> np.ndarray:
    """Accuracy of every class in percent, (M, C); NaN for classes without images.

    Args:
        models: M ``ImageClassifier``s; they are left in evaluation mode.
        dataloader: Batches of labelled images, different ones on every rank.
        preprocess: The preprocessor, the same for all models.
    """
    for model in models:
        model.eval()
    size, device = models[0].head.num_classes, device_of(models[0])
    images = torch.zeros(size, dtype=torch.float64, device=device)
    hits = images.repeat(len(models), 1)
    for inputs, samples in batches(dataloader, preprocess):
        label = own_labels(samples)
        # bincount would wait for the device.
        images.index_add_(0, label, images.new_ones(len(label)))
        for model, hit in zip(models, hits):
            predicted = model.head(model.extract_feat(inputs)).argmax(1)
            hit.index_add_(0, label, (predicted == label).to(hit))
    all_reduce(hits)
    all_reduce(images)
    return (100 * hits / images).cpu().numpy()


@torch.no_grad()
def confidences(
    experts: Sequence[Any], dataloader: Any, preprocess: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of every image's class according to the expert of its split.

    Args:
        experts: Classifiers with a ``ShotSplitHead``, in evaluation mode, without common
            classes.
        dataloader: Batches of labelled images, different ones on every rank.
        preprocess: The student's preprocessor.

    Returns:
        tuple: Confidences by ``sample_idx``, 0 for classes without an expert, and labels,
        -1 for numbers that no image has.

    Raises:
        ConfigError: Images of two classes have the same number.
    """
    numbers: list[int] = []
    columns = [np.empty((2, 0))]
    for inputs, samples in batches(dataloader, preprocess):
        label = own_labels(samples)
        logits = [expert.head(expert.extract_feat(inputs)) for expert in experts]
        probability = torch.stack([z.double().softmax(1) for z in logits]).sum(0)
        found = probability.gather(1, label[:, None])[:, 0]
        columns.append(torch.stack([label.to(found), found]).cpu().numpy())
        numbers += image_numbers(samples)
    shares = all_gather_object((numbers, np.concatenate(columns, axis=1)))
    place = np.concatenate([np.asarray(share[0], dtype=np.int64) for share in shares])
    label, found = np.concatenate([share[1] for share in shares], axis=1)
    table = np.full(place.max() + 1, -1)
    table[place] = label
    if len(clash := place[table[place] != label]):
        raise ConfigError(
            f'two training images of different classes have the sample_idx {clash[0]}: LFME '
            'tells images apart by it, so it cannot train on concatenated datasets'
        )
    # An image that occurs several times gets the mean.
    times = np.bincount(place)
    return np.bincount(place, found) / np.maximum(times, 1), table

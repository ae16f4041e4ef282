"""A student of several experts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from ...checks import check_number
from ...class_counts import SHOT_SPLITS
from ...datasets.bulk import image_numbers
from ...errors import ConfigError
from ...transfer import to_device
from ..losses import check_logits_suffice


@dataclass
class Expert:
    """A classifier for one shot split.

    Args:
        model: A classifier with a ``ShotSplitHead``, in evaluation mode.
        accuracy: Accuracy on validation images of its own classes, in percent.
    """

    model: ImageClassifier
    accuracy: float = 0.0

    def __post_init__(self) -> None:
        self.split: str = self.model.head.split
        self.classes: torch.Tensor = self.model.head.classes


@MODELS.register_module()
class LFMEClassifier(ImageClassifier):
    r"""Learn all classes, and distil an expert of each shot split for the split's classes.

    Learning from multiple experts (Xiang et al., ECCV 2020, Sec. 3), as in the released
    code. With logits z of the student, v of the expert of split l with classes
    :math:`C_l`, and temperature T,

    .. math:: CE(e z) + \sum_l w_l\, KL\big(\mathrm{softmax}(v_{C_l} / T) \,\|\,
        \mathrm{softmax}(e z_{C_l} / T)\big)

    for every image, of whichever split. :math:`w_l` fades as the student catches up with the
    expert (self-paced expert selection); :math:`e` starts at the image's easiness and grows
    (curriculum instance selection). ``SelfPacedExpertsHook`` provides the experts and sets
    both. Testing works without it; experts are not part of checkpoints.

    Args:
        *args: Arguments of ``ImageClassifier``; the head must not override ``loss``.
        temperature: T, > 0.
        **kwargs: Arguments of ``ImageClassifier``.

    Raises:
        ConfigError: The head overrides ``loss``, the temperature is not positive, or a
            training lacks the hook.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import LFMEClassifier
        >>> model = LFMEClassifier(
        ...     backbone=dict(type='CIFARResNet', depth=20),
        ...     neck=dict(type='GlobalAveragePooling'),
        ...     head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
        ... )
        >>> model(torch.rand(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(self, *args: Any, temperature: float = 2.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_number('temperature of LFMEClassifier', temperature, '(0, inf)')
        check_logits_suffice(self, self.head)
        self.temperature = temperature
        # By shot split, from the latest comparison of the student with the experts.
        self.register_buffer('expert_weights', torch.ones(len(SHOT_SPLITS)))
        # In a tuple and thus no submodules: neither trained nor saved.
        self.experts: tuple[Expert, ...] = ()
        self.easiness = torch.ones(0)
        self.progress = 0.0

    def set_experts(self, experts: Sequence[Expert], easiness: torch.Tensor) -> None:
        """Set the experts and the curriculum.

        Args:
            experts: One for each split that has one.
            easiness: Easiness in (0, 1] of every training image, by its ``sample_idx``.
        """
        self.experts = tuple(experts)
        self.easiness = easiness

    def loss(
        self, inputs: torch.Tensor, data_samples: list[DataSample]
    ) -> dict[str, torch.Tensor]:
        """The head's losses, and ``loss_many``, ``loss_medium``, ``loss_few``.

        Args:
            inputs: Images (N, 3, H, W).
            data_samples: Their labels and ``sample_idx``.
        """
        if not self.experts:
            raise ConfigError(
                'LFMEClassifier has no experts: add default_hooks = dict(experts=dict('
                "type='SelfPacedExpertsHook', checkpoints=[...])) to the config"
            )
        easiness = self.easiness_of(data_samples).to(inputs.device)
        logits = self.head(self.extract_feat(inputs)) * easiness[:, None]
        losses = self.head._get_loss(logits, data_samples)
        for expert in self.experts:
            with torch.no_grad():
                known = expert.model.head(expert.model.extract_feat(inputs))
            own = expert.classes
            distance = self.distance(logits[:, own], known[:, own])
            weight = self.expert_weights[SHOT_SPLITS.index(expert.split)]
            losses[f'loss_{expert.split}'] = weight * distance
        return losses

    def distance(self, logits: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Mean over the images of the KL divergence of softened predictions (N, K)."""
        dtype = torch.promote_types(logits.dtype, torch.float32)
        student = F.log_softmax(logits.to(dtype) / self.temperature, dim=1)
        expert = F.log_softmax(known.to(dtype) / self.temperature, dim=1)
        return F.kl_div(student, expert, reduction='batchmean', log_target=True)

    def easiness_of(self, data_samples: list[DataSample]) -> torch.Tensor:
        """Current factors e of the images' logits, (N,)."""
        numbers = torch.tensor(image_numbers(data_samples))
        chosen = to_device(numbers, self.easiness.device)
        first = self.easiness[chosen]
        return first + (1 - first) * self.progress

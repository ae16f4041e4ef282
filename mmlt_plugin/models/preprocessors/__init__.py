"""What happens to a batch of images before the model."""

from .batch_augment_preprocessor import BatchAugmentPreprocessor, random_crop_and_flip

__all__ = ['BatchAugmentPreprocessor', 'random_crop_and_flip']

# CIFAR-100-LT with the policy that AutoAugment (Cubuk et al., CVPR 2019) found on CIFAR-10;
# mmpretrain has ImageNet's only. A magnitude is its largest / 9 * level. mmcv takes colour
# and contrast of these RGB images as of BGR ones, other than PIL.
_base_ = './cifar100-lt.py'

# fmt: off
_policy = [
    [dict(type='Invert', prob=0.1), dict(type='Contrast', magnitude=0.6, prob=0.2)],
    [dict(type='Rotate', angle=30 / 9 * 2, pad_val=[128] * 3, prob=0.7), dict(type='Translate', magnitude=150 / 331 / 9 * 9, direction='horizontal', prob=0.3)],
    [dict(type='Sharpness', magnitude=0.1, prob=0.8), dict(type='Sharpness', magnitude=0.3, prob=0.9)],
    [dict(type='Shear', magnitude=0.3 / 9 * 8, direction='vertical', prob=0.5), dict(type='Translate', magnitude=150 / 331 / 9 * 9, direction='vertical', prob=0.7)],
    [dict(type='AutoContrast', prob=0.5), dict(type='Equalize', prob=0.9)],
    [dict(type='Shear', magnitude=0.3 / 9 * 7, direction='vertical', prob=0.2), dict(type='Posterize', bits=5, prob=0.3)],
    [dict(type='ColorTransform', magnitude=0.3, prob=0.4), dict(type='Brightness', magnitude=0.7, prob=0.6)],
    [dict(type='Sharpness', magnitude=0.9, prob=0.3), dict(type='Brightness', magnitude=0.9, prob=0.7)],
    [dict(type='Equalize', prob=0.6), dict(type='Equalize', prob=0.5)],
    [dict(type='Contrast', magnitude=0.7, prob=0.6), dict(type='Sharpness', magnitude=0.5, prob=0.6)],
    [dict(type='ColorTransform', magnitude=0.7, prob=0.7), dict(type='Translate', magnitude=150 / 331 / 9 * 8, direction='horizontal', prob=0.5)],
    [dict(type='Equalize', prob=0.3), dict(type='AutoContrast', prob=0.4)],
    [dict(type='Translate', magnitude=150 / 331 / 9 * 3, direction='vertical', prob=0.4), dict(type='Sharpness', magnitude=0.6, prob=0.2)],
    [dict(type='Brightness', magnitude=0.6, prob=0.9), dict(type='ColorTransform', magnitude=0.8, prob=0.2)],
    [dict(type='Solarize', thr=256 / 9 * 7, prob=0.5), dict(type='Invert', prob=0.0)],
    [dict(type='Equalize', prob=0.2), dict(type='AutoContrast', prob=0.6)],
    [dict(type='Equalize', prob=0.2), dict(type='Equalize', prob=0.6)],
    [dict(type='ColorTransform', magnitude=0.9, prob=0.9), dict(type='Equalize', prob=0.6)],
    [dict(type='AutoContrast', prob=0.8), dict(type='Solarize', thr=256 / 9 * 1, prob=0.2)],
    [dict(type='Brightness', magnitude=0.3, prob=0.1), dict(type='ColorTransform', magnitude=0.0, prob=0.7)],
    [dict(type='Solarize', thr=256 / 9 * 4, prob=0.4), dict(type='AutoContrast', prob=0.9)],
    [dict(type='Translate', magnitude=150 / 331 / 9 * 9, direction='vertical', prob=0.9), dict(type='Translate', magnitude=150 / 331 / 9 * 9, direction='vertical', prob=0.7)],
    [dict(type='AutoContrast', prob=0.9), dict(type='Solarize', thr=256 / 9 * 6, prob=0.8)],
    [dict(type='Equalize', prob=0.8), dict(type='Invert', prob=0.1)],
    [dict(type='Translate', magnitude=150 / 331 / 9 * 9, direction='vertical', prob=0.7), dict(type='AutoContrast', prob=0.9)],
]
# fmt: on
train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            pipeline=[
                dict(type='RandomCrop', crop_size=32, padding=4),
                dict(type='RandomFlip', prob=0.5, direction='horizontal'),
                dict(type='AutoAugment', policies=_policy),
                dict(type='PackInputs'),
            ]
        )
    )
)

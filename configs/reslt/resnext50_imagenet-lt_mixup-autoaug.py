# The row with strong augmentation of ResLT's Table 2, of which neither code nor
# hyper-parameters were released: mixup's alpha and the policy are the usual ones.
_base_ = './resnext50_imagenet-lt.py'

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile', imdecode_backend='pillow'),
            dict(type='RandomResizedCrop', scale=224, backend='pillow'),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
            dict(type='AutoAugment', policies='imagenet'),
            dict(type='PackInputs'),
        ]
    )
)
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)))

# iNaturalist 2018 for 4 devices with 64 images each; the papers report the val split.
# Constants of ResLT's released code, which does not jitter colours here.
_base_ = './imagenet-lt.py'

data_preprocessor = dict(
    num_classes=8142, mean=[118.83, 120.105, 96.9], std=[49.725, 49.47, 48.96]
)
train_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
_inat = dict(type='INaturalist', data_root='data/inat2018', year=2018)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **_inat))
val_dataloader = dict(dataset=dict(split='val', **_inat))
test_dataloader = val_dataloader

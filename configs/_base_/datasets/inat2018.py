# iNaturalist 2018 for 4 devices with 64 images each; the papers report the val split.
# Constants of ResLT's released code.
data_preprocessor = dict(
    num_classes=8142,
    mean=[118.83, 120.105, 96.9],
    std=[49.725, 49.47, 48.96],
    to_rgb=True,
)
# Pillow reads and resizes as the papers' code does, and refuses truncated files.
train_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='INaturalist',
        split='train',
        data_root='data/inat2018',
        year=2018,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='INaturalist',
        split='val',
        data_root='data/inat2018',
        year=2018,
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='ShotSplitMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

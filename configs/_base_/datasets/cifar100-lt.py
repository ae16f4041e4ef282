# CIFAR-100-LT; a leaf sets train_dataloader.dataset.imbalance_factor. One device,
# 128 images a step. Both papers normalise CIFAR-100 with CIFAR-10's constants.
data_preprocessor = dict(
    num_classes=100,
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=False,  # the files are RGB
)
_cifar = dict(type='CIFAR100', data_root='data')
_loader = dict(batch_size=128, num_workers=2)
train_dataloader = dict(
    **_loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='LongTailedDataset',
        imbalance_factor=0.01,
        dataset=dict(
            **_cifar,
            split='train',
            pipeline=[
                dict(type='RandomCrop', crop_size=32, padding=4),
                dict(type='RandomFlip', prob=0.5, direction='horizontal'),
                dict(type='PackInputs'),
            ],
        ),
    ),
)
val_dataloader = dict(
    **_loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**_cifar, split='test', pipeline=[dict(type='PackInputs')]),
)
val_evaluator = dict(type='ShotSplitMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

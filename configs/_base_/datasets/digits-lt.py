# Long-tailed handwritten digits, real images that come with scikit-learn: 390 for
# training, 128 to 4 a class, and 50 a class for testing.
data_preprocessor = dict(num_classes=10, mean=[77.6] * 3, std=[95.9] * 3, to_rgb=False)
_resize = dict(type='Resize', scale=16)
_loader = dict(batch_size=32, num_workers=0)
train_dataloader = dict(
    **_loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='LongTailedDataset',
        imbalance_factor=1 / 32,
        dataset=dict(
            type='Digits',
            split='train',
            pipeline=[
                _resize,
                dict(type='RandomCrop', crop_size=16, padding=2),
                dict(type='PackInputs'),
            ],
        ),
    ),
)
val_dataloader = dict(
    batch_size=250,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='Digits', split='test', pipeline=[_resize, dict(type='PackInputs')]
    ),
)
# With so few images the usual thresholds, 100 and 20, would leave one class many-shot.
val_evaluator = dict(type='ShotSplitMetric', many=50, few=15)
test_dataloader = val_dataloader
test_evaluator = val_evaluator

# ResNet-152 with a linear classifier.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=152, zero_init_residual=False),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=2048,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=None,  # PyTorch's default, as in the papers' code
    ),
)

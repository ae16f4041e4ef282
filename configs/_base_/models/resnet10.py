# ResNet-10 with a linear classifier.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet10'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=512,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=None,  # PyTorch's default, as in the papers' code
    ),
)

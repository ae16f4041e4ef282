# ResNet-32 with a linear classifier, the baseline of every CIFAR-LT table.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='CIFARResNet', depth=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=100,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=None,  # PyTorch's default, as in the codes of ResLT and BBN
    ),
)

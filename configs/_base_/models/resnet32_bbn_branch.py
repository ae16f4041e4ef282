# BBN's ResNet-32, of which one branch, frozen, serves a new classifier.
_resnet32 = dict(type='CIFARResNet', depth=32)
model = dict(
    type='DecoupledClassifier',
    backbone=dict(type='BilateralTrunk', backbone=_resnet32),
    neck=dict(type='BilateralNeck', backbone=_resnet32, branch='conventional'),
    head=dict(
        type='LinearClsHead',
        num_classes=100,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=None,
    ),
)

# BBN's ResNet-32: the last of its 15 blocks once for each branch.
_resnet32 = dict(type='CIFARResNet', depth=32)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='BilateralTrunk', backbone=_resnet32),
    neck=dict(type='BilateralNeck', backbone=_resnet32),
    head=dict(type='BBNHead', num_classes=100, in_channels=128),
)

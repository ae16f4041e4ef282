# De-confound-TDE's CIFAR net, which is BBN's: a ResNet-32 with its last block twice,
# here for every image.
_resnet32 = dict(type='CIFARResNet', depth=32)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='BilateralTrunk', backbone=_resnet32, norm_cfg=dict(type='BN')),
    neck=dict(type='BilateralNeck', backbone=_resnet32, pairs=False),
    head=dict(type='TDEHead', num_classes=100, in_channels=128, alpha=1.5),
)

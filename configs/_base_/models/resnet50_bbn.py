# BBN's ResNet-50: the last of its 16 blocks once for each branch; PyTorch's
# initialisation, as in the released code.
_resnet50 = dict(type='ResNet', depth=50, zero_init_residual=False, init_cfg=[])
model = dict(
    type='ImageClassifier',
    backbone=dict(type='BilateralTrunk', backbone=_resnet50),
    neck=dict(type='BilateralNeck', backbone=_resnet50),
    head=dict(type='BBNHead', num_classes=8142, in_channels=4096),
)

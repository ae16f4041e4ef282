# ResLT on RIDE's experts, which the released code only has for the large data sets.
_base_ = '../reslt/resnet32_cifar100-lt-if100.py'

_resnet32 = dict(type='CIFARResNet', depth=32)
_head = dict(
    type='ResLTHead',
    num_classes=100,
    in_channels=48,
    groups=[35, 35, 30],
    loss=dict(type='ResLTLoss', alpha=0.995),
)
model = dict(
    backbone=dict(_delete_=True, type='MultiExpertTrunk', backbone=_resnet32),
    neck=dict(type='MultiExpertNeck', backbone=_resnet32, width=0.75, pool=False),
    head=dict(_delete_=True, type='MultiExpertHead', head=_head),
)

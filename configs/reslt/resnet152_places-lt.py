# From torchvision's ImageNet weights. The paper tells neither alpha nor groups: these
# are ImageNet-LT's alpha and the rule of equal imbalance, 22 / 191 / 152 classes.
_base_ = [
    '../_base_/models/resnet152_reslt.py',
    '../_base_/datasets/places-lt.py',
    '../_base_/schedules/places-lt_30e.py',
    '../_base_/default_runtime.py',
]

_weights = dict(type='Pretrained', checkpoint='torchvision://resnet152')
model = dict(
    backbone=dict(init_cfg=_weights),
    head=dict(num_classes=365, groups=3),
)

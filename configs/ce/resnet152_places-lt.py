# From torchvision's ImageNet weights.
_base_ = [
    '../_base_/models/resnet152.py',
    '../_base_/datasets/places-lt.py',
    '../_base_/schedules/places-lt_30e.py',
    '../_base_/default_runtime.py',
]

_weights = dict(type='Pretrained', checkpoint='torchvision://resnet152')
model = dict(backbone=dict(init_cfg=_weights), head=dict(num_classes=365))

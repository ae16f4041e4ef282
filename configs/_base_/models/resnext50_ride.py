# Three experts of a ResNeXt-50 32x4d, as resnet50_ride.py has them.
_base_ = './resnet50_ride.py'

_resnext50 = dict(type='ResNeXt')
model = dict(backbone=dict(backbone=_resnext50), neck=dict(backbone=_resnext50))

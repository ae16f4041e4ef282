# ResNeXt-50 32x4d with a linear classifier.
_base_ = './resnet50.py'

model = dict(backbone=dict(type='ResNeXt'))

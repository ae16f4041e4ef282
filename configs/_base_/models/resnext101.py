# ResNeXt-101 32x4d with a linear classifier.
_base_ = './resnext50.py'

model = dict(backbone=dict(depth=101))

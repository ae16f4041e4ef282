# ResNet-152 with a linear classifier.
_base_ = './resnet50.py'

model = dict(backbone=dict(depth=152))

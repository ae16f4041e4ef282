# ResNet-10 with a linear classifier.
_base_ = './resnet50.py'

model = dict(backbone=dict(_delete_=True, type='ResNet10'), head=dict(in_channels=512))

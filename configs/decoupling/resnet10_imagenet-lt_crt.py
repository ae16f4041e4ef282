_base_ = './resnext50_imagenet-lt_crt.py'

model = dict(backbone=dict(_delete_=True, type='ResNet10'), head=dict(in_channels=512))

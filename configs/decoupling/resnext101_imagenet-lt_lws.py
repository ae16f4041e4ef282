_base_ = './resnext50_imagenet-lt_lws.py'

model = dict(backbone=dict(depth=101))

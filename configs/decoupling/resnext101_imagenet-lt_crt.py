_base_ = './resnext50_imagenet-lt_crt.py'

model = dict(backbone=dict(depth=101))

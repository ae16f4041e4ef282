_base_ = './resnext50_imagenet-lt.py'

param_scheduler = dict(T_max=180, end=180)
train_cfg = dict(max_epochs=180)

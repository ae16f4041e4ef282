_base_ = '../ce/resnext50_imagenet-lt.py'

model = dict(
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)),
    head=dict(loss=dict(use_soft=True)),
)

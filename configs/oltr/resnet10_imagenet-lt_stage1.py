# OLTR's first stage: CE, with a layer of 512 channels after the pooling.
_base_ = '../ce/resnet10_imagenet-lt.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='LinearNeck',
        in_channels=512,
        out_channels=512,
        gap_dim=2,
        norm_cfg=None,
        act_cfg=dict(type='ReLU'),
    )
)
param_scheduler = [dict(type='MultiStepLR', milestones=[10, 20], gamma=0.1)]
train_cfg = dict(max_epochs=30)

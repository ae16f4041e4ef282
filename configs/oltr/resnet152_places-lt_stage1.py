# OLTR's first stage: CE from ImageNet weights, with a layer of 512 channels after the pooling.
_base_ = '../ce/resnet152_places-lt.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='LinearNeck',
        in_channels=2048,
        out_channels=512,
        gap_dim=2,
        norm_cfg=None,
        act_cfg=dict(type='ReLU'),
    ),
    head=dict(in_channels=512),
)
optim_wrapper = dict(
    optimizer=dict(lr=0.1),
    paramwise_cfg=dict(
        custom_keys={'backbone': dict(lr_mult=0.01), 'neck': dict(lr_mult=0.01)}
    ),
)
param_scheduler = dict(
    _delete_=True, type='MultiStepLR', milestones=[10, 20], gamma=0.1
)

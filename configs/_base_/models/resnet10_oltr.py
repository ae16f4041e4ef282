# OLTR's second stage on ResNet-10.
_base_ = './resnet10.py'

model = dict(
    neck=dict(
        type='ModulatedAttentionNeck',
        in_channels=512,
        out_channels=512,
        feature_size=7,
        norm_cfg=None,
        act_cfg=dict(type='ReLU'),
    ),
    head=dict(type='OLTRHead'),
)

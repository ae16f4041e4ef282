# ResNet-10 with a layer between pooling and classifier, as in OLTR's and LFME's codes.
_base_ = './resnet10.py'

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

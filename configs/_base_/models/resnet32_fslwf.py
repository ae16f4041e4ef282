# FSLwF on ResNet-32. Cosines need features of either sign: the released code leaves out the
# last ReLU, and here a linear layer follows it.
_base_ = './resnet32.py'

model = dict(
    neck=dict(
        _delete_=True,
        type='LinearNeck',
        in_channels=64,
        out_channels=64,
        gap_dim=2,
        norm_cfg=None,
        act_cfg=None,
    ),
    head=dict(type='FSLwFHead'),
)

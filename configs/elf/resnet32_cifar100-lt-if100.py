# ELF on LDAM-DRW. Exits after each stage and the confidence are ours, see README.md.
_base_ = '../ldam/resnet32_cifar100-lt-if100_drw.py'

model = dict(
    backbone=dict(out_indices=(0, 1, 2)),
    head=dict(
        _delete_=True,
        type='EarlyExitHead',
        in_channels=[16, 32, 64],
        confidence=0.9,
        head=dict(type='CosineClsHead', num_classes=100, loss=dict(type='LDAMLoss')),
    ),
)

_base_ = [
    '../_base_/models/resnet32_bbn.py',
    '../_base_/datasets/digits-lt_bilateral.py',
    '../_base_/schedules/digits_40e.py',
    '../_base_/bbn_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=40), logger=dict(interval=12))
log_processor = dict(window_size=12)
_resnet20 = dict(depth=20)
model = dict(
    backbone=dict(backbone=_resnet20),
    neck=dict(backbone=_resnet20),
    head=dict(num_classes=10),
)

_base_ = [
    '../_base_/models/resnet32.py',
    '../_base_/datasets/digits-lt.py',
    '../_base_/schedules/digits_40e.py',
    '../_base_/default_runtime.py',
]

default_hooks = dict(checkpoint=dict(interval=40), logger=dict(interval=12))
log_processor = dict(window_size=12)
model = dict(
    backbone=dict(depth=20),
    head=dict(num_classes=10),
)

# OLTR's second stage: attention, a memory, and four images of a class in a row.
_base_ = [
    '../_base_/models/resnet152_oltr.py',
    '../_base_/datasets/places-lt.py',
    '../_base_/schedules/oltr_60e.py',
    '../_base_/oltr_runtime.py',
]

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(head=dict(num_classes=365))
optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    paramwise_cfg=dict(
        custom_keys={'neck': dict(lr_mult=0.01), 'head.memory': dict(lr_mult=1)}
    ),
)
param_scheduler = dict(milestones=[10, 20])
train_cfg = dict(max_epochs=30)

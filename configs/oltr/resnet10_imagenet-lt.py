# OLTR's second stage: attention, a memory, and four images of a class in a row.
_base_ = [
    '../_base_/models/resnet10_oltr.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/oltr_60e.py',
    '../_base_/oltr_runtime.py',
]

train_dataloader = dict(
    batch_size=32,
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4),
)

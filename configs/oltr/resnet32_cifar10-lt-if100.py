# OLTR's memory on the features of CE; ours, the paper has no CIFAR-LT.
_base_ = [
    '../_base_/models/resnet32.py',
    '../_base_/datasets/cifar10-lt.py',
    '../_base_/schedules/oltr_60e.py',
    '../_base_/oltr_runtime.py',
]

train_dataloader = dict(
    batch_size=256,
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4),
    dataset=dict(imbalance_factor=0.01),
)
model = dict(head=dict(type='OLTRHead', num_classes=10))
auto_scale_lr = dict(base_batch_size=256)

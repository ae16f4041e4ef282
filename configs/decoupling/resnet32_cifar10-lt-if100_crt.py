# cRT: a new classifier on frozen features, with classes drawn equally often.
_base_ = [
    '../_base_/models/resnet32_decoupled.py',
    '../_base_/datasets/cifar10-lt.py',
    '../_base_/schedules/cifar_stage2_30e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler'),
    dataset=dict(imbalance_factor=0.01),
)
model = dict(head=dict(num_classes=10))
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

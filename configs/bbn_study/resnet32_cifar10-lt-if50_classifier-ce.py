# A classifier learnt plainly on frozen features.
_base_ = [
    '../_base_/models/resnet32_decoupled.py',
    '../_base_/datasets/cifar10-lt.py',
    '../_base_/schedules/cifar_bbn_study_30e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.02))
model = dict(head=dict(num_classes=10))
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

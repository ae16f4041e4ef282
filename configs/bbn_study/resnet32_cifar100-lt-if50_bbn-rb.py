# Table 5: a classifier learnt plainly on the features of BBN's rebalancing branch.
_base_ = [
    '../_base_/models/resnet32_bbn_branch.py',
    '../_base_/datasets/cifar100-lt.py',
    '../_base_/schedules/cifar_bbn_study_30e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.02))
model = dict(neck=dict(branch='rebalancing'))
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

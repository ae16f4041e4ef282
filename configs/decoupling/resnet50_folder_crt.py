# On your own images, on top of configs/ce/resnet50_folder.py: its checkpoint is load_from.
_base_ = '../ce/resnet50_folder.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))
model = dict(type='DecoupledClassifier')
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
train_cfg = dict(max_epochs=10)
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

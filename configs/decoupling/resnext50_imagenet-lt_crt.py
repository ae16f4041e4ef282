# cRT by Kang et al.'s recipe: 512 images a step, four of a class in a row.
_base_ = '../ce/resnext50_imagenet-lt.py'

train_dataloader = dict(
    batch_size=128,
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4),
)
model = dict(type='DecoupledClassifier')
optim_wrapper = dict(optimizer=dict(lr=0.2))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, by_epoch=True)]
train_cfg = dict(max_epochs=10, val_interval=1)
auto_scale_lr = dict(base_batch_size=512)
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

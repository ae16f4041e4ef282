# cRT by Kang et al.'s recipe: 256 images a step, four of a class in a row.
_base_ = '../ce/resnet152_places-lt.py'

train_dataloader = dict(
    batch_size=64,
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4),
)
model = dict(type='DecoupledClassifier')
optim_wrapper = dict(optimizer=dict(lr=0.1))
param_scheduler = dict(T_max=10)
train_cfg = dict(max_epochs=10, val_interval=1)
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

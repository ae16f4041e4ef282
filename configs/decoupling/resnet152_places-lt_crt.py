# cRT by Kang et al.'s recipe: 256 images a step, epochs in which every class is drawn as
# often as the most frequent one has images.
_base_ = '../ce/resnet152_places-lt.py'

train_dataloader = dict(
    batch_size=64,
    sampler=dict(_delete_=True, type='ClassBalancedSampler', epoch_size=4980 * 365),
)
model = dict(type='DecoupledClassifier')
optim_wrapper = dict(optimizer=dict(lr=0.1))
param_scheduler = dict(T_max=10)
train_cfg = dict(max_epochs=10, val_interval=1)
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(second_stage=dict(type='SecondStageHook', fresh=['head']))

# ResLT on RIDE's experts, as released: 128 images a step, 4 x 32.
_base_ = [
    '../_base_/models/resnet50_reslt_ride.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/imagenet-lt_180e.py',
    '../_base_/default_runtime.py',
]

_resnext50 = dict(type='ResNeXt')
model = dict(backbone=dict(backbone=_resnext50), neck=dict(backbone=_resnext50))
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=0.05))
auto_scale_lr = dict(base_batch_size=128)

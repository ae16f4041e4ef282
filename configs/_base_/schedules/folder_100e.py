# The ImageNet-LT recipe for 64 images a step: 100 epochs, warm-up over 5, cosine.
_base_ = './imagenet-lt_180e.py'

optim_wrapper = dict(optimizer=dict(lr=0.025))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, begin=0, end=5, by_epoch=True),
    dict(type='CosineAnnealingLR', T_max=96, begin=4, end=100, by_epoch=True),
]
train_cfg = dict(max_epochs=100)
auto_scale_lr = dict(base_batch_size=64)

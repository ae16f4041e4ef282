# The CIFAR recipe, shortened: 40 epochs, warm-up over 5, x 0.1 at 30 and 36.
_base_ = './cifar_200e.py'

optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=7 / 15, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[30, 36], gamma=0.1, by_epoch=True),
]
train_cfg = dict(max_epochs=40, val_interval=20)
auto_scale_lr = dict(base_batch_size=32)

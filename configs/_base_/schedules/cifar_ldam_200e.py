# LDAM-DRW's CIFAR recipe: 200 epochs, warm-up over 5, x 0.01 at 160 and at 180.
_base_ = './cifar_200e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=2e-4, nesterov=False))
param_scheduler = [
    # 0.02, 0.04, 0.06, 0.08, 0.1.
    dict(type='LinearLR', start_factor=1 / 5, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[160, 180], gamma=0.01, by_epoch=True),
]

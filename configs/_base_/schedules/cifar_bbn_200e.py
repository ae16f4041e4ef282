# BBN's CIFAR recipe: 200 epochs, warm-up over 5, x 0.01 in the epochs that the paper
# counts as 120th and 160th, from 1.
_base_ = './cifar_200e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=2e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=7 / 15, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[119, 159], gamma=0.01, by_epoch=True),
]

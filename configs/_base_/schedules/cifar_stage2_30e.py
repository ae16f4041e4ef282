# Second stages on CIFAR-LT as in Bag of Tricks' code: 30 epochs, warm-up over 5, x 0.1 in the
# epochs that it counts as 10th and 20th, from 1.
_base_ = './cifar_200e.py'

param_scheduler = [
    dict(type='LinearLR', start_factor=7 / 15, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[9, 19], gamma=0.1, by_epoch=True),
]
train_cfg = dict(max_epochs=30, val_interval=5)

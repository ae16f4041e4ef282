# De-confound-TDE's CIFAR recipe for 256 images a step: BBN's course of the learning rate,
# from 0.2 and an epoch ahead, as PyTorch 1.6 counts, with ResLT's weight decay.
_base_ = './cifar_200e.py'

optim_wrapper = dict(optimizer=dict(lr=0.2, nesterov=False))
param_scheduler = [
    dict(type='LinearLR', start_factor=7 / 15, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[119, 159], gamma=0.01, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=256)

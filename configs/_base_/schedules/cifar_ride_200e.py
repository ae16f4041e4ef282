# RIDE's CIFAR recipe: LDAM-DRW's with another weight decay, and Nesterov's momentum.
_base_ = './cifar_ldam_200e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=5e-4, nesterov=True))

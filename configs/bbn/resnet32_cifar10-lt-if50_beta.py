# Table 4: alpha is drawn from Beta(0.2, 0.2) every iteration.
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(cumulative_alpha=dict(schedule='beta'))

# Table 4: alpha stays at 0.5.
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(cumulative_alpha=dict(schedule='constant', value=0.5))

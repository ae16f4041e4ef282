# Table 4: alpha falls as 1 - t.
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(cumulative_alpha=dict(schedule='linear'))

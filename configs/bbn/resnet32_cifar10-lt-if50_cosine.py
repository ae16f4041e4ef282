# Table 4: alpha falls as cos(t pi / 2).
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(cumulative_alpha=dict(schedule='cosine'))

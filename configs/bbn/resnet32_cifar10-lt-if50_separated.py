# In the released code only: alpha is 1 up to epoch 120, then 0.
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(cumulative_alpha=dict(schedule='separated', value=0.6))

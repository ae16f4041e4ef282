# Fig. 3: all branches share their parameters.
_base_ = './resnet32_cifar100-lt-if50.py'

model = dict(head=dict(specialized=False))

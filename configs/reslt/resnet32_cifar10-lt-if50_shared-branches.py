# Fig. 3: all branches have the same parameters.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(specialized=False))

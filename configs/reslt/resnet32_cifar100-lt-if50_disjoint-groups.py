# Fig. 4, variant 2: every branch learns its own group alone.
_base_ = './resnet32_cifar100-lt-if50.py'

model = dict(head=dict(nested=False))

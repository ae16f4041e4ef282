# Fig. 4, variant 2: every branch learns only its own group.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(nested=False))

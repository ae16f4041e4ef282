# Fig. 6.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(loss=dict(alpha=0.995)))

# Fig. 6.
_base_ = './resnet32_cifar100-lt-if50.py'

model = dict(head=dict(loss=dict(alpha=0.95)))

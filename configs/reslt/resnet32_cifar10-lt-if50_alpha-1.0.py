# Fig. 6: the branch loss alone.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(loss=dict(alpha=1.0)))

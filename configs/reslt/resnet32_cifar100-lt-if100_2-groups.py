# Table 4: 2 groups of equal internal imbalance.
_base_ = './resnet32_cifar100-lt-if100.py'

model = dict(head=dict(groups=2))

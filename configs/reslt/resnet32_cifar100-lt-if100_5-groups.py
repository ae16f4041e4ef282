# Table 4: 5 groups of equal internal imbalance.
_base_ = './resnet32_cifar100-lt-if100.py'

model = dict(head=dict(groups=5))

# Fig. 4, variant 1: the other branches are not added to the first.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(fusion='main'))

# Table 1, Baseline-1: a branch for each group of classes alone; the largest logit of the three branches counts.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(nested=False, fusion='max', loss=dict(alpha=1.0)))

# Table 1, Baseline-1: one branch per group of classes; the largest of the three logits counts.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(nested=False, fusion='max', loss=dict(alpha=1.0)))

# Table 1, Baseline-2: one branch per group of classes; their logits are added.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(nested=False, fusion='sum', loss=dict(alpha=1.0)))

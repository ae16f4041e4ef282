# Table 1, Baseline-3: one branch per group of classes; their probabilities are averaged.
_base_ = './resnet32_cifar10-lt-if50.py'

model = dict(head=dict(nested=False, fusion='softmax', loss=dict(alpha=1.0)))

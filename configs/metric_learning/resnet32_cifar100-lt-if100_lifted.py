# The same with the lifted structured loss.
_base_ = './resnet32_cifar100-lt-if100_range.py'

model = dict(head=dict(feature_loss=dict(type='LiftedStructuredLoss')))

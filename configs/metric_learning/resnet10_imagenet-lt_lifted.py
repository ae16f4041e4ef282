# The same with the lifted structured loss.
_base_ = './resnet10_imagenet-lt_range.py'

model = dict(head=dict(feature_loss=dict(type='LiftedStructuredLoss')))

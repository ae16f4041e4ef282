# The same with the lifted structured loss.
_base_ = './resnet152_places-lt_range.py'

model = dict(head=dict(feature_loss=dict(type='LiftedStructuredLoss')))

# ResLT's recipe for CE, but with four images of a class in a row.
_base_ = '../ce/resnet10_imagenet-lt.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(head=dict(type='FeatureLossHead', feature_loss=dict(type='RangeLoss')))

# The threshold is a share of 50 images, our choice.
_base_ = '../ce/resnet10_imagenet-lt.py'

model = dict(
    head=dict(
        loss=dict(_delete_=True, type='SoftmaxEqualizationLoss', threshold=50 / 115846)
    )
)

# By ResLT's recipe; 50 images are the threshold.
_base_ = '../ce/resnet10_imagenet-lt.py'

model = dict(
    head=dict(
        loss=dict(_delete_=True, type='SoftmaxEqualizationLoss', threshold=4.3e-4)
    )
)

# CB-focal: the focal loss weighted by effective numbers, averaged over the images as in the
# released codes.
_base_ = './resnet32_cifar100-lt-if100.py'

model = dict(head=dict(loss=dict(gamma=1.0, normalizer='batch')))

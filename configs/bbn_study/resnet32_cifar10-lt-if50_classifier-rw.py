# A classifier learnt by re-weighting on frozen features.
_base_ = './resnet32_cifar10-lt-if50_classifier-ce.py'

model = dict(
    head=dict(loss=dict(_delete_=True, type='ReweightedLoss', scheme='inverse'))
)

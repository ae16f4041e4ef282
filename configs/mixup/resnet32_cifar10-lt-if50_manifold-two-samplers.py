# BBN's Table 1: pairs of a uniformly drawn and a reversely drawn image.
_base_ = './resnet32_cifar10-lt-if50_manifold.py'

model = dict(two_samplers=True)
train_dataloader = dict(
    _delete_=True,  # drop_last belongs to the batch sampler
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='BilateralBatchSampler'),
    dataset={{_base_.train_dataloader.dataset}},
)

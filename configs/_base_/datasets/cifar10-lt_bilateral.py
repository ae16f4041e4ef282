# CIFAR-10-LT in batches of 128 uniform and 128 reversed images.
_base_ = './cifar10-lt.py'

train_dataloader = dict(
    _delete_=True,  # drop_last belongs to the batch sampler
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
    dataset={{_base_.train_dataloader.dataset}},
)

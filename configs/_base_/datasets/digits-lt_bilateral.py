# Long-tailed digits in batches of 32 uniform and 32 reversed images.
_base_ = './digits-lt.py'

train_dataloader = dict(
    _delete_=True,  # drop_last belongs to the batch sampler
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
    dataset={{_base_.train_dataloader.dataset}},
)

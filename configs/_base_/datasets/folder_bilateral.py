# Your own images in batches of 64 uniform and 64 reversed ones.
_base_ = './folder.py'

train_dataloader = dict(
    _delete_=True,  # drop_last belongs to the batch sampler
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
    dataset={{_base_.train_dataloader.dataset}},
)

# Your own images in batches of 64 uniform and 64 reversed ones.
_base_ = './folder.py'

train_dataloader = dict(
    drop_last=False,  # belongs to the batch sampler
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
)

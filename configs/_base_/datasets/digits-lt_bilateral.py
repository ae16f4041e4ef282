# Long-tailed digits in batches of 32 uniform and 32 reversed images.
_base_ = './digits-lt.py'

train_dataloader = dict(
    drop_last=False,  # belongs to the batch sampler
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
)

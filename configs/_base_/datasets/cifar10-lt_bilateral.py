# CIFAR-10-LT in batches of 128 uniform and 128 reversed images.
_base_ = './cifar10-lt.py'

train_dataloader = dict(
    drop_last=False,  # belongs to the batch sampler
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
)

# CIFAR-100-LT in batches of 128 uniform and 128 reversed images.
_base_ = './cifar100-lt.py'

train_dataloader = dict(
    drop_last=False,  # belongs to the batch sampler
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
)

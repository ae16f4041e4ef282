# iNaturalist 2018 for BBN: 4 devices with 32 uniform and 32 reversed images each, and
# ImageNet's constants, as in the released code.
_base_ = './inat2018.py'

data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_dataloader = dict(
    batch_size=32,
    drop_last=False,  # belongs to the batch sampler
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
)

# iNaturalist 2017 for BBN: 4 devices with 32 uniform and 32 reversed images each, and
# ImageNet's constants, as in the released code.
_base_ = './inat2018.py'

data_preprocessor = dict(
    num_classes=5089, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
)
_inat = dict(data_root='data/inat2017', year=2017)
train_dataloader = dict(
    _delete_=True,  # drop_last belongs to the batch sampler
    batch_size=32,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='BilateralBatchSampler', drop_last=True),
    dataset=dict(
        type='INaturalist', split='train', pipeline={{_base_.train_pipeline}}, **_inat
    ),
)
val_dataloader = dict(dataset=_inat)
test_dataloader = val_dataloader

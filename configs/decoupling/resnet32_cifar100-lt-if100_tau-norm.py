# tau-normalisation of a CE classifier; 20 training images a class are set aside, on
# which to choose tau.
_base_ = '../ce/resnet32_cifar100-lt-if100.py'

train_dataloader = dict(dataset=dict(holdout=20))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='LongTailedDataset',
        holdout=20,
        subset='holdout',
        dataset=dict(
            type='CIFAR100',
            data_root='data',
            split='train',
            pipeline=[dict(type='PackInputs')],
        ),
    )
)
model = dict(head=dict(type='TauNormHead', tau=1.0))

# tau-normalisation of a CE classifier; 100 training images a class are set aside, on
# which to choose tau.
_base_ = '../ce/resnet32_cifar10-lt-if100.py'

train_dataloader = dict(dataset=dict(holdout=100))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='LongTailedDataset',
        holdout=100,
        subset='holdout',
        dataset=dict(
            type='CIFAR10',
            data_root='data',
            split='train',
            pipeline=[dict(type='PackInputs')],
        ),
    )
)
model = dict(head=dict(type='TauNormHead', tau=1.0))

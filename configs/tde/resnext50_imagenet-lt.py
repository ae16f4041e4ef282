# De-confound-TDE on ImageNet-LT, 4 devices with 128 images each.
_base_ = [
    '../_base_/models/resnext50.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/imagenet-lt_90e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=128)
model = dict(
    head=dict(
        _delete_=True, type='TDEHead', num_classes=1000, in_channels=2048, alpha=3.0
    )
)

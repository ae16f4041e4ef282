# CIFAR-10-LT with rotations: as CIFAR-100-LT, with the other files.
_base_ = './cifar100-lt_rotation.py'

data_preprocessor = dict(num_classes=10)
_cifar10 = dict(type='CIFAR10')
train_dataloader = dict(dataset=dict(dataset=_cifar10))
val_dataloader = dict(dataset=_cifar10)
test_dataloader = val_dataloader

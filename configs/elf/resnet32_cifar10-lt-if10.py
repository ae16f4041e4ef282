_base_ = './resnet32_cifar10-lt-if100.py'

train_dataloader = dict(dataset=dict(imbalance_factor=0.1))

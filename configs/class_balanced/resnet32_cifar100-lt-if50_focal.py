_base_ = './resnet32_cifar100-lt-if100_focal.py'

model = dict(head=dict(loss=dict(beta=0.99)))
train_dataloader = dict(dataset=dict(imbalance_factor=0.02))

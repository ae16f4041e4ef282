_base_ = './resnet32_cifar100-lt-if10.py'

model = dict(train_cfg=dict(augments=dict(type='CutMix')))

_base_ = './resnet32_cifar100-lt-if50.py'

model = dict(train_cfg=dict(augments=dict(type='CutMix')))

# The row with mixup and ImageNet initialisation of ResLT's Table 6, of which neither
# code nor hyper-parameters were released: mixup's alpha is the usual one.
_base_ = './resnet50_inat2018.py'

model = dict(
    backbone=dict(
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')
    ),
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)),
)

_base_ = '../ce/resnet32_cifar10-lt-if10_ldam-recipe.py'

model = dict(
    train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)),
    head=dict(loss=dict(use_soft=True)),
)

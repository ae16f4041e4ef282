# LFME's student of three experts; ours, by LDAM's recipe.
_base_ = '../ce/resnet32_cifar100-lt-if100_ldam-recipe.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(type='LFMEClassifier')
_experts = dict(
    type='SelfPacedExpertsHook',
    checkpoints=[
        'work_dirs/lfme/resnet32_cifar100-lt-if100_many/epoch_200.pth',
        'work_dirs/lfme/resnet32_cifar100-lt-if100_medium/epoch_200.pth',
        'work_dirs/lfme/resnet32_cifar100-lt-if100_few/epoch_200.pth',
    ],
)
default_hooks = dict(experts=_experts)

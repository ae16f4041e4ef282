# LFME's student of three experts; ours, by OLTR's first stage.
_base_ = '../oltr/resnet152_places-lt_stage1.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(type='LFMEClassifier')
_experts = dict(
    type='SelfPacedExpertsHook',
    checkpoints=[
        'work_dirs/lfme/resnet152_places-lt_many/epoch_30.pth',
        'work_dirs/lfme/resnet152_places-lt_medium/epoch_30.pth',
        'work_dirs/lfme/resnet152_places-lt_few/epoch_30.pth',
    ],
    dataset=dict(split='val'),
)
default_hooks = dict(experts=_experts)

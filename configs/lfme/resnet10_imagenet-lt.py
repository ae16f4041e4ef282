# LFME's student of three experts.
_base_ = [
    '../_base_/models/resnet10_fc.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/lfme_90e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(type='LFMEClassifier')
_experts = dict(
    type='SelfPacedExpertsHook',
    checkpoints=[
        'work_dirs/lfme/resnet10_imagenet-lt_many/epoch_120.pth',
        'work_dirs/lfme/resnet10_imagenet-lt_medium/epoch_120.pth',
        'work_dirs/lfme/resnet10_imagenet-lt_few/epoch_120.pth',
    ],
    dataset=dict(split='val'),
)
default_hooks = dict(experts=_experts)

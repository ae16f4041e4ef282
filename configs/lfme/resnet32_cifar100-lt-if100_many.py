# LFME's expert of many-shot classes; ours, by LDAM's recipe.
_base_ = '../ce/resnet32_cifar100-lt-if100_ldam-recipe.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ShotSplitSampler', split='many'),
)
model = dict(head=dict(type='ShotSplitHead', split='many'))

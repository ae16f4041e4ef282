# LFME's expert of many-shot classes; ours, by OLTR's first stage.
_base_ = '../oltr/resnet152_places-lt_stage1.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ShotSplitSampler', split='many', many=99, few=21),
)
model = dict(head=dict(type='ShotSplitHead', split='many', many=99, few=21))
val_evaluator = dict(many=99, few=21)
test_evaluator = val_evaluator

# LFME's expert of many-shot classes.
_base_ = [
    '../_base_/models/resnet10_fc.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/lfme_expert_120e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(
    batch_size=32,
    sampler=dict(_delete_=True, type='ShotSplitSampler', split='many', many=99, few=21),
)
model = dict(head=dict(type='ShotSplitHead', split='many', many=99, few=21))
auto_scale_lr = dict(base_batch_size=128)
val_evaluator = dict(many=99, few=21)
test_evaluator = val_evaluator

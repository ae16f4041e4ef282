# CE of BBN's Table 2, by BBN's 1x recipe: 128 images a step, 4 x 32.
_base_ = [
    '../_base_/models/resnet50.py',
    '../_base_/datasets/inat2018.py',
    '../_base_/schedules/inat_bbn_1x.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
train_dataloader = dict(batch_size=32)
model = dict(head=dict(num_classes=8142))

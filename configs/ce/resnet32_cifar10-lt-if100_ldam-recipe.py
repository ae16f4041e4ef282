# The baseline by LDAM-DRW's recipe, which the comparison methods use.
_base_ = [
    '../_base_/models/resnet32.py',
    '../_base_/datasets/cifar10-lt.py',
    '../_base_/schedules/cifar_ldam_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(drop_last=False, dataset=dict(imbalance_factor=0.01))
model = dict(head=dict(num_classes=10))

_base_ = [
    '../_base_/models/resnet32_reslt.py',
    '../_base_/datasets/cifar10-lt.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.01))
model = dict(head=dict(num_classes=10, groups=[2, 2, 6], loss=dict(alpha=0.998)))

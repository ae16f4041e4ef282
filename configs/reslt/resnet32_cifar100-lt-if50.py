_base_ = [
    '../_base_/models/resnet32_reslt.py',
    '../_base_/datasets/cifar100-lt.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.02))
model = dict(head=dict(loss=dict(alpha=0.99)))

_base_ = [
    '../_base_/models/resnet32_tde.py',
    '../_base_/datasets/cifar100-lt.py',
    '../_base_/schedules/cifar_tde_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=256, dataset=dict(imbalance_factor=0.01))

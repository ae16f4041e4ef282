_base_ = [
    '../_base_/models/resnet32_bbn.py',
    '../_base_/datasets/cifar100-lt_bilateral.py',
    '../_base_/schedules/cifar_bbn_200e.py',
    '../_base_/bbn_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.01))

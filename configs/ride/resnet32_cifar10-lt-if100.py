_base_ = [
    '../_base_/models/resnet32_ride.py',
    '../_base_/datasets/cifar10-lt_rotation.py',
    '../_base_/schedules/cifar_ride_200e.py',
    '../_base_/ride_runtime.py',
]

train_dataloader = dict(drop_last=False, dataset=dict(imbalance_factor=0.01))
model = dict(head=dict(head=dict(num_classes=10)))

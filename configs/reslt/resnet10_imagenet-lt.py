_base_ = [
    '../_base_/models/resnet10_reslt.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/imagenet-lt_180e.py',
    '../_base_/default_runtime.py',
]

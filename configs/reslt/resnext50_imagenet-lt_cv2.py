# resnext50_imagenet-lt.py with the faster input.
_base_ = [
    '../_base_/models/resnext50_reslt.py',
    '../_base_/datasets/imagenet-lt_cv2.py',
    '../_base_/schedules/imagenet-lt_180e.py',
    '../_base_/default_runtime.py',
]

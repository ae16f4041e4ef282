_base_ = [
    '../_base_/models/resnet50_bbn.py',
    '../_base_/datasets/inat2018_bilateral.py',
    '../_base_/schedules/inat_bbn_1x.py',
    '../_base_/bbn_runtime.py',
]

default_hooks = dict(cumulative_alpha=dict(divisor=100))

# The runtime of OLTR's second stage: its memory starts from the class means.
_base_ = './default_runtime.py'

default_hooks = dict(
    second_stage=dict(type='SecondStageHook'),
    class_means=dict(type='ClassMeansHook', before='train'),
)

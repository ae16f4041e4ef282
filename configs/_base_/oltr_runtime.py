# What OLTR's second stage runs with: its memory starts as class means of the features.
_base_ = './default_runtime.py'

default_hooks = dict(
    second_stage=dict(type='SecondStageHook'),
    class_means=dict(type='ClassMeansHook', before='train'),
)

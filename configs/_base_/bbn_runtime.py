# What BBN's configs run with: cumulative learning on top of the usual.
_base_ = './default_runtime.py'

default_hooks = dict(
    cumulative_alpha=dict(type='CumulativeAlphaHook', schedule='parabolic')
)

# BBN's runtime: adds cumulative learning.
_base_ = './default_runtime.py'

default_hooks = dict(
    cumulative_alpha=dict(type='CumulativeAlphaHook', schedule='parabolic')
)

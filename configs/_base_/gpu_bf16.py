# bfloat16 without loss scaling, channels last and TensorFloat32: for recent GPUs.
optim_wrapper = dict(type='AutocastOptimWrapper')
default_hooks = dict(
    channels_last=dict(type='ChannelsLastHook'),
    matmul_precision=dict(type='MatmulPrecisionHook', precision='high'),
)

# The runtime of every config in this project.
custom_imports = dict(imports=['mmlt_plugin'], allow_failed_imports=False)
default_scope = 'mmpretrain'

# In default_hooks, not custom_hooks: a config that sets custom_hooks keeps these.
default_hooks = dict(
    runtime_info=dict(type='LazyRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=10, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='FolderVisualizationHook', enable=False),
    # Ranks keep their own batch statistics; before evaluating and saving they agree.
    sync_buffers=dict(type='SyncBuffersHook'),
    class_counts=dict(type='ClassCountsHook'),
    provenance=dict(type='ProvenanceHook'),
    exact_resume=dict(type='ExactResumeHook'),
    evaluate_on_resume=dict(type='EvaluateOnResumeHook'),
    non_blocking_input=dict(type='NonBlockingInputHook'),
    finite_loss=dict(type='FiniteLossHook'),
    work_dir_lock=dict(type='WorkDirLockHook'),
    checkpoint_match=dict(type='CheckpointMatchHook'),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
visualizer = dict(
    type='UniversalVisualizer',
    # The second for `tensorboard --logdir work_dirs`.
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)
log_level = 'INFO'
log_processor = dict(window_size=50)
load_from = None
resume = False
randomness = dict(seed=0, deterministic=False)

# FSLwF's first stage: features and rows of base classes, which are drawn equally often.
_base_ = [
    '../_base_/models/resnet10_fslwf.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/fslwf_runtime.py',
]

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', min_images=20)
)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
)
param_scheduler = dict(type='MultiStepLR', milestones=[30, 60, 90], gamma=0.1)
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)

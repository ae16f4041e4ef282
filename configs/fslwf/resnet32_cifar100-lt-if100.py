# FSLwF's second stage: 21 of the 70 base classes play few-shot classes, as many as 30 of all 100
# are, with 5 images for a row and 3 to classify, beside 96 images of other classes.
_base_ = './resnet32_cifar100-lt-if100_stage1.py'

train_dataloader = dict(
    batch_size=264,
    drop_last=False,
    batch_sampler=dict(
        type='EpisodeBatchSampler', novel=21, images_per_class=8, min_images=20
    ),
)
model = dict(type='DecoupledClassifier', head=dict(novel=21))
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4, nesterov=True))
param_scheduler = [dict(type='MultiStepLR', milestones=[20], gamma=0.1)]
train_cfg = dict(max_epochs=30, val_interval=5)
default_hooks = dict(second_stage=dict(type='SecondStageHook'))
auto_scale_lr = dict(base_batch_size=264)

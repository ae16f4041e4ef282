# FSLwF's second stage for 4 devices: on each 118 of the 864 base classes play few-shot classes,
# as many as 136 of all 1000 are, with 5 images for a row and 3 to classify, beside 224 images of
# other classes.
_base_ = './resnet10_imagenet-lt_stage1.py'

train_dataloader = dict(
    batch_size=1168,
    drop_last=False,
    batch_sampler=dict(
        type='EpisodeBatchSampler', novel=118, images_per_class=8, min_images=20
    ),
)
model = dict(type='DecoupledClassifier', head=dict(novel=118, sharpness=30.0))
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = dict(milestones=[20])
train_cfg = dict(max_epochs=30)
default_hooks = dict(second_stage=dict(type='SecondStageHook'))
auto_scale_lr = dict(base_batch_size=4672)

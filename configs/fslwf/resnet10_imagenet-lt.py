# FSLwF's second stage: on every device 30 classes play few-shot classes, with 5 images for a
# row and 6 to classify, beside 110 images of other classes.
_base_ = './resnet10_imagenet-lt_stage1.py'

train_dataloader = dict(batch_size=440, sampler=dict(images_per_class=11))
model = dict(type='DecoupledClassifier', head=dict(novel=30, sharpness=30.0))
param_scheduler = dict(milestones=[20])
train_cfg = dict(max_epochs=30)
default_hooks = dict(second_stage=dict(type='SecondStageHook'))
auto_scale_lr = dict(base_batch_size=1760)

# FSLwF's second stage: 15 classes play few-shot classes, with 5 images for a row and 6 to
# classify, beside 55 images of other classes.
_base_ = './resnet32_cifar100-lt-if100_stage1.py'

train_dataloader = dict(batch_size=220, sampler=dict(images_per_class=11))
model = dict(type='DecoupledClassifier', head=dict(novel=15))
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4, nesterov=True))
param_scheduler = [dict(type='MultiStepLR', milestones=[20], gamma=0.1)]
train_cfg = dict(max_epochs=30, val_interval=5)
default_hooks = dict(second_stage=dict(type='SecondStageHook'))
auto_scale_lr = dict(base_batch_size=220)

# OLTR's first stage: CE for 30 epochs of batches of 128.
_base_ = '../ce/resnet10_imagenet-lt.py'

train_dataloader = dict(batch_size=32)
param_scheduler = [dict(type='MultiStepLR', milestones=[10, 20], gamma=0.1)]
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=128)

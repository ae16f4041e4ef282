# LFME's expert of medium-shot classes.
_base_ = './resnet10_imagenet-lt_many.py'

train_dataloader = dict(batch_size=16, sampler=dict(split='medium'))
model = dict(head=dict(split='medium'))
auto_scale_lr = dict(base_batch_size=64)

# LFME's expert of few-shot classes; ours, by OLTR's first stage.
_base_ = './resnet152_places-lt_many.py'

train_dataloader = dict(batch_size=8, sampler=dict(split='few'))
model = dict(head=dict(split='few'))
auto_scale_lr = dict(base_batch_size=32)

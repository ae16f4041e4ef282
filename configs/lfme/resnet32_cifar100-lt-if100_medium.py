# LFME's expert of medium-shot classes; ours, by LDAM's recipe.
_base_ = './resnet32_cifar100-lt-if100_many.py'

train_dataloader = dict(batch_size=64, sampler=dict(split='medium'))
model = dict(head=dict(split='medium'))
auto_scale_lr = dict(base_batch_size=64)

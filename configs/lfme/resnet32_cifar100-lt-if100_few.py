# LFME's expert of few-shot classes; ours, by LDAM's recipe.
_base_ = './resnet32_cifar100-lt-if100_many.py'

train_dataloader = dict(batch_size=32, sampler=dict(split='few'))
model = dict(head=dict(split='few'))
auto_scale_lr = dict(base_batch_size=32)

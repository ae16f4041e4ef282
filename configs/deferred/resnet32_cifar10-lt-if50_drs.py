# CE-DRS: classes are drawn equally often once the learning rate falls.
_base_ = '../ce/resnet32_cifar10-lt-if50_ldam-recipe.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='DeferredSampler', action_epoch=161)
)

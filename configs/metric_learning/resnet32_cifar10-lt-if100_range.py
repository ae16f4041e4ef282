# LDAM's recipe, like all comparison methods; the papers have no numbers on CIFAR-LT.
_base_ = '../ce/resnet32_cifar10-lt-if100_ldam-recipe.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', images_per_class=4)
)
model = dict(head=dict(type='FeatureLossHead', feature_loss=dict(type='RangeLoss')))

_base_ = '../ce/resnet32_cifar10-lt-if100_ldam-recipe.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='ClassBalancedSampler'))

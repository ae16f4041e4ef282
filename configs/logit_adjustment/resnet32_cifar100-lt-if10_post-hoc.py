# Post-hoc logit adjustment of any checkpoint of CE.
_base_ = '../ce/resnet32_cifar100-lt-if10_ldam-recipe.py'

model = dict(head=dict(type='LogitAdjustedHead', tau=1.0))

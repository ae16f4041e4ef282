_base_ = '../ce/resnet32_cifar100-lt-if50_ldam-recipe.py'

model = dict(head=dict(loss=dict(_delete_=True, type='LogitAdjustedLoss', tau=1.0)))

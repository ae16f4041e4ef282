_base_ = '../ce/resnet32_cifar10-lt-if100_ldam-recipe.py'

model = dict(
    head=dict(loss=dict(_delete_=True, type='SoftmaxEqualizationLoss', threshold=0.05))
)

_base_ = '../ce/resnet32_cifar100-lt-if10_ldam-recipe.py'

model = dict(
    head=dict(loss=dict(_delete_=True, type='SoftmaxEqualizationLoss', threshold=0.005))
)

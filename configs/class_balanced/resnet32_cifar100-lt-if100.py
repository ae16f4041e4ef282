_base_ = '../ce/resnet32_cifar100-lt-if100_ldam-recipe.py'

model = dict(
    head=dict(
        loss=dict(_delete_=True, type='ReweightedLoss', scheme='effective', beta=0.9)
    )
)

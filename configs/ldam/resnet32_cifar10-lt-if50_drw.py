# LDAM-DRW: classes are weighted by their effective number once the learning rate falls.
_base_ = './resnet32_cifar10-lt-if50.py'

default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[
            dict(
                action_epoch=161,  # counted from 1
                loss=dict(type='LDAMLoss', scheme='effective', beta=0.9999),
            )
        ],
    )
)

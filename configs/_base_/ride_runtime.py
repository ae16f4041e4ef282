# RIDE's runtime: class weights and temperatures once the learning rate falls on CIFAR.
_base_ = './default_runtime.py'

_weighted = dict(type='LDAMLoss', scheme='effective', beta=0.9999)
default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[
            dict(
                action_epoch=161,  # counted from 1
                loss=dict(type='RIDELoss', loss=_weighted, imbalance=0.05),
            )
        ],
    )
)

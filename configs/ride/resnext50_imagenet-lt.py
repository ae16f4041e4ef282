_base_ = [
    '../_base_/models/resnext50_ride.py',
    '../_base_/datasets/imagenet-lt.py',
    '../_base_/schedules/ride_100e.py',
    '../_base_/default_runtime.py',
]

_weighted = dict(type='LDAMLoss', scheme='effective', beta=0.9999)
default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[
            dict(
                action_epoch=81,
                loss=dict(type='RIDELoss', loss=_weighted, imbalance=0.02),
            )
        ],
    )
)

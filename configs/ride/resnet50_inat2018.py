# 512 images a step, 4 x 128.
_base_ = [
    '../_base_/models/resnet50_ride.py',
    '../_base_/datasets/inat2018.py',
    '../_base_/schedules/ride_100e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=128)
optim_wrapper = dict(optimizer=dict(lr=0.2))
auto_scale_lr = dict(base_batch_size=512)
model = dict(head=dict(head=dict(num_classes=8142)))

_weighted = dict(type='LDAMLoss', scheme='effective', beta=0.9999)
default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[
            dict(
                action_epoch=81,
                loss=dict(type='RIDELoss', loss=_weighted, imbalance=0.015),
            )
        ],
    )
)

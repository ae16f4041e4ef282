# CE-DRW of BBN's Table 2. When it starts is not told: here with the first drop of the rate.
_base_ = '../ce/resnet50_inat2018_bbn-recipe.py'

_weighted = dict(type='ReweightedLoss', scheme='effective', beta=0.9999)
default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[dict(action_epoch=61, loss=_weighted)],
    )
)

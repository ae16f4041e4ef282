# LDAM-DRW of BBN's Table 2. When DRW starts is not told: here with the first drop of the
# rate.
_base_ = '../ce/resnet50_inat2018_bbn-recipe.py'

_weighted = dict(type='LDAMLoss', scheme='effective', beta=0.9999)
model = dict(head=dict(type='CosineClsHead', loss=dict(_delete_=True, type='LDAMLoss')))
default_hooks = dict(
    deferred_recipe=dict(
        type='DeferredRecipeHook',
        schedule=[dict(action_epoch=61, loss=_weighted)],
    )
)

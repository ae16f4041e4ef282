# CE-DRS of BBN's Table 2. When it starts is not told: here with the first drop of the rate.
_base_ = '../ce/resnet50_inat2018_bbn-recipe.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='DeferredSampler', action_epoch=61)
)

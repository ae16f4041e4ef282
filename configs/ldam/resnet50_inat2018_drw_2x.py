# LDAM-DRW of BBN's Table 2 with twice the epochs.
_base_ = './resnet50_inat2018_drw.py'

param_scheduler = dict(milestones=[120, 160])
train_cfg = dict(max_epochs=180)
_weighted = dict(type='LDAMLoss', scheme='effective', beta=0.9999)
default_hooks = dict(
    deferred_recipe=dict(schedule=[dict(action_epoch=121, loss=_weighted)])
)

# LWS by Kang et al.'s recipe.
_base_ = './resnet152_places-lt_crt.py'

model = dict(trainable=['head.scales'], head=dict(type='LWSHead'))
param_scheduler = dict(T_max=5)
train_cfg = dict(max_epochs=5)
default_hooks = dict(second_stage=dict(_delete_=True, type='SecondStageHook'))

# LFME's experts on ImageNet-LT: 120 epochs, cosine.
_base_ = './lfme_90e.py'

param_scheduler = dict(_delete_=True, type='CosineAnnealingLR', T_max=120)
train_cfg = dict(max_epochs=120)

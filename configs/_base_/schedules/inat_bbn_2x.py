# BBN's released config: 180 epochs, x 0.1 after 120 and 160; alpha as if there were 200.
_base_ = './inat_bbn_1x.py'

param_scheduler = dict(milestones=[120, 160])
train_cfg = dict(max_epochs=180)

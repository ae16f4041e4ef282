# On your own images, from a checkpoint of configs/ce/resnet50_folder.py.
_base_ = '../ce/resnet50_folder.py'

model = dict(head=dict(type='LogitAdjustedHead', tau=1.0))

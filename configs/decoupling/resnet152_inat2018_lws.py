_base_ = './resnet50_inat2018_lws.py'

model = dict(backbone=dict(depth=152))

_base_ = './resnet50_inat2018_crt.py'

model = dict(backbone=dict(depth=152))

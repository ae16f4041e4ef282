# ResNeXt-50 32x4d with ResLT's head, as resnet50_reslt.py has it.
_base_ = './resnet50_reslt.py'

model = dict(backbone=dict(type='ResNeXt'))

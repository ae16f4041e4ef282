# ResNeXt-101 32x4d with ResLT's head, as resnet50_reslt.py has it.
_base_ = './resnext50_reslt.py'

model = dict(backbone=dict(depth=101))

# The row "pre-trained with CutMix" of ResLT's Table 3: put the ResNet-152 weights of
# CutMix's authors, in torchvision's names, where checkpoint says.
_base_ = './resnet152_places-lt.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/resnet152_cutmix.pth')))

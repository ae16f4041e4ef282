# FSLwF on ResNet-10. Cosines need features of either sign: a layer after the last ReLU, which the
# released code leaves out.
_base_ = './resnet10_fc.py'

model = dict(neck=dict(act_cfg=None), head=dict(type='FSLwFHead'))

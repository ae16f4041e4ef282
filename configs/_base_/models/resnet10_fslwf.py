# FSLwF on ResNet-10. Cosines need features of either sign: the released code leaves out the
# last ReLU, and here a linear layer follows it.
_base_ = './resnet10_fc.py'

model = dict(neck=dict(act_cfg=None), head=dict(type='FSLwFHead'))

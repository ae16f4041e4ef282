# The paper: three branches, alpha 0.9.
_base_ = './resnet50_inat2018.py'

model = dict(head=dict(groups=3, loss=dict(alpha=0.9)))

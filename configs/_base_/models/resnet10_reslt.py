# ResNet-10 with ResLT's head, which here pools before the branches in training too, and
# its own tau, as in the released script.
_base_ = './resnet50_reslt.py'

model = dict(
    backbone=dict(_delete_=True, type='ResNet10'),
    head=dict(in_channels=512, pool='before', eval_pool='before', tau=0.3),
)

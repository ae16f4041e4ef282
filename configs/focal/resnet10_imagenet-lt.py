# ResLT's recipe for CE, with Lin et al.'s gamma.
_base_ = '../ce/resnet10_imagenet-lt.py'

model = dict(head=dict(loss=dict(_delete_=True, type='ReweightedLoss', gamma=2.0)))

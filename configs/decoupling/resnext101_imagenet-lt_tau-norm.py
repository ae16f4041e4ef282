# tau-normalisation of a CE classifier; tau is chosen on the validation list.
_base_ = '../ce/resnext101_imagenet-lt.py'

val_dataloader = dict(dataset=dict(split='val'))
model = dict(head=dict(type='TauNormHead', tau=1.0))

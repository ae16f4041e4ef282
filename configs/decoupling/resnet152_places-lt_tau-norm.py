# tau-normalisation of a CE classifier; tau is chosen on the validation list.
_base_ = '../ce/resnet152_places-lt.py'

val_dataloader = dict(dataset=dict(split='val'))
model = dict(head=dict(type='TauNormHead', tau=1.0))

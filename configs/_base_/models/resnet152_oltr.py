# OLTR's second stage on ResNet-152: the backbone is frozen.
_base_ = './resnet10_oltr.py'

model = dict(
    # Its BatchNorm statistics go on as in the released code.
    type='DecoupledClassifier',
    trainable=['neck', 'head'],
    eval_frozen=False,
    backbone=dict(_delete_=True, type='ResNet', depth=152, zero_init_residual=False),
    neck=dict(in_channels=2048),
)

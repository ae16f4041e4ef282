# Three experts of a ResNet-50 as RIDE's code has it: the first two stages are shared, the
# others have three quarters of the channels.
_resnet50 = dict(type='ResNet', depth=50, zero_init_residual=False)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='MultiExpertTrunk', backbone=_resnet50),
    neck=dict(type='MultiExpertNeck', backbone=_resnet50, width=0.75),
    head=dict(
        type='MultiExpertHead',
        head=dict(
            type='CosineClsHead',
            num_classes=1000,
            in_channels=1536,
            loss=dict(type='RIDELoss', loss=dict(type='LDAMLoss')),
        ),
    ),
)

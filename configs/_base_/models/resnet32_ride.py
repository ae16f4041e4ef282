# Three experts of a ResNet-32 as RIDE's code has it: the first stage is shared, the others
# have 24 and 48 channels instead of 32 and 64.
_resnet32 = dict(type='CIFARResNet', depth=32)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='MultiExpertTrunk', backbone=_resnet32),
    neck=dict(type='MultiExpertNeck', backbone=_resnet32, width=0.75),
    head=dict(
        type='MultiExpertHead',
        head=dict(
            type='CosineClsHead',
            num_classes=100,
            in_channels=48,
            loss=dict(type='RIDELoss', loss=dict(type='LDAMLoss')),
        ),
    ),
)

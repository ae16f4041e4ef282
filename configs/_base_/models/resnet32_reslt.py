# ResNet-32 with ResLT's head as the released CIFAR code has it: a batch normalisation
# a branch. The head pools for itself, so there is no neck.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='CIFARResNet', depth=32),
    head=dict(
        type='ResLTHead',
        num_classes=100,
        in_channels=64,
        groups=[35, 35, 30],
        branch='bn',
        loss=dict(type='ResLTLoss', alpha=0.995),
    ),
)

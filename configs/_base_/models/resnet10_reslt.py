# ResNet-10 with ResLT's head as the released ImageNet code has it: a convolution a
# branch, after the pooling, and a classifier that is
# tau-normalised, without bias, in evaluation.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet10'),
    head=dict(
        type='ResLTHead',
        num_classes=1000,
        in_channels=512,
        groups=[175, 605, 220],
        branch='conv',
        pool='before',
        tau=0.3,
        loss=dict(type='ResLTLoss', alpha=0.99, fusion_eps=1e-7),
    ),
)

# ResNet-50 with ResLT's head as the released ImageNet code has it: a convolution a
# branch, before the pooling in training and after it in evaluation, and there a
# classifier that is tau-normalised and without bias.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=50, zero_init_residual=False),
    head=dict(
        type='ResLTHead',
        num_classes=1000,
        in_channels=2048,
        groups=[175, 605, 220],
        branch='conv',
        pool='after',
        eval_pool='before',
        tau=0.7,
        loss=dict(type='ResLTLoss', alpha=0.99, fusion_eps=1e-7),
    ),
)

_base_ = '../ce/resnet32_cifar100-lt-if10_ldam-recipe.py'

model = dict(
    type='ManifoldMixupClassifier',
    layers=['inputs', 'backbone.layer1', 'backbone.layer2'],
    head=dict(loss=dict(use_soft=True)),
)

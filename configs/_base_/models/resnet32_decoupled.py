# ResNet-32 in which only the head is trained.
_base_ = './resnet32.py'

model = dict(type='DecoupledClassifier')

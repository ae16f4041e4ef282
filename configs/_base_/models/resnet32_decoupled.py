# ResNet-32 of which only the head learns.
_base_ = './resnet32.py'

model = dict(type='DecoupledClassifier')

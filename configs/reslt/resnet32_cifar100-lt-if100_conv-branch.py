# The paper's branches: one 1 x 1 convolution each, where the released code has batch norms.
_base_ = './resnet32_cifar100-lt-if100.py'

model = dict(head=dict(branch='conv'))

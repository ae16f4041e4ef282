# A classifier learnt by re-sampling on frozen features: cRT.
_base_ = '../decoupling/resnet32_cifar10-lt-if50_crt.py'

optim_wrapper = dict(optimizer=dict(weight_decay=2e-4))

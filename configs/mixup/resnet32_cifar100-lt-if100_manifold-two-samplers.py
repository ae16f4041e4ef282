# BBN's Table 1: pairs of an image from the uniform and one from the reversed sampler.
_base_ = './resnet32_cifar100-lt-if100_manifold.py'

model = dict(two_samplers=True)
train_dataloader = dict(batch_sampler=dict(type='BilateralBatchSampler'))

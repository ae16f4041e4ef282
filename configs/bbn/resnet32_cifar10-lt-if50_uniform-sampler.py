# Table 3: the re-balancing branch draws images uniformly, with replacement.
_base_ = './resnet32_cifar10-lt-if50.py'

train_dataloader = dict(
    batch_sampler=dict(other=dict(type='ClassPowerSampler', power=1))
)

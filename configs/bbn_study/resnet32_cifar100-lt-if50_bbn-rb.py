# Table 5: a classifier learnt plainly on the features of BBN's rebalancing branch.
_base_ = './resnet32_cifar100-lt-if50_bbn-cb.py'

model = dict(neck=dict(branch='rebalancing'))

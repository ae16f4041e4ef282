# A row with strong augmentation of ResLT's Table 5, of which neither code nor
# hyper-parameters were released: mixup's alpha and the policy are the usual ones.
_base_ = [
    '../_base_/models/resnet32_reslt.py',
    '../_base_/datasets/cifar100-lt_autoaug.py',
    '../_base_/schedules/cifar_200e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(dataset=dict(imbalance_factor=0.01))
model = dict(
    head=dict(loss=dict(alpha=0.995)),
    train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)),
)

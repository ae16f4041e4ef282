# FSLwF's first stage: features and rows of base classes, which are drawn equally often.
_base_ = [
    '../_base_/models/resnet32_fslwf.py',
    '../_base_/datasets/cifar100-lt.py',
    '../_base_/schedules/cifar_ldam_200e.py',
    '../_base_/fslwf_runtime.py',
]

train_dataloader = dict(
    sampler=dict(_delete_=True, type='ClassBalancedSampler', min_images=20),
    dataset=dict(imbalance_factor=0.01),
)

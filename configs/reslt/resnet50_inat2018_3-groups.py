# The paper: three branches, alpha 0.9.
_base_ = [
    '../_base_/models/resnet50_reslt.py',
    '../_base_/datasets/inat2018.py',
    '../_base_/schedules/inat_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    head=dict(
        num_classes=8142,
        groups=3,
        tau=0.0,
        loss=dict(alpha=0.9, fusion_eps=0.0),
    )
)

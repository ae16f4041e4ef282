# The released code: two branches, alpha 0.85, evaluation without bias (tau 0).
_base_ = [
    '../_base_/models/resnet50_reslt.py',
    '../_base_/datasets/inat2018.py',
    '../_base_/schedules/inat_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    head=dict(
        num_classes=8142,
        groups=[1542, 6600],
        tau=0.0,
        loss=dict(alpha=0.85, fusion_eps=0.0),
    )
)

# ResLT on RIDE's experts, as released: two branches, alpha 0.85, tau 0.3.
_base_ = [
    '../_base_/models/resnet50_reslt_ride.py',
    '../_base_/datasets/inat2018.py',
    '../_base_/schedules/inat_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    head=dict(
        head=dict(
            num_classes=8142,
            groups=[1542, 6600],
            tau=0.3,
            loss=dict(alpha=0.85, fusion_eps=0.0),
        )
    )
)

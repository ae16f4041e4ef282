# ResLT's head on each of RIDE's three experts, as ResLT's released code has it.
_base_ = './resnet50_ride.py'

model = dict(
    neck=dict(pool=False),  # the heads pool for themselves
    head=dict(
        head=dict(
            _delete_=True,
            type='ResLTHead',
            num_classes=1000,
            in_channels=1536,
            groups=[175, 605, 220],
            branch='conv',
            pool='after',
            eval_pool='before',
            tau=0.7,
            loss=dict(type='ResLTLoss', alpha=0.99, fusion_eps=1e-7),
        )
    ),
)

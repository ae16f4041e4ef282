# CIFAR-100-LT with rotations by up to 15 degrees on top, as RIDE's code has it.
_base_ = './cifar100-lt.py'

train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            pipeline=[
                dict(type='RandomCrop', crop_size=32, padding=4),
                dict(type='RandomFlip', prob=0.5, direction='horizontal'),
                dict(type='NumpyToPIL'),
                dict(type='torchvision/RandomRotation', degrees=15),
                dict(type='PILToNumpy'),
                dict(type='PackInputs'),
            ]
        )
    )
)

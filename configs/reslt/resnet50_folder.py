# On your own images: DATA=my_images python tools/train.py configs/reslt/resnet50_folder.py
_base_ = [
    '../_base_/models/resnet50_reslt.py',
    '../_base_/datasets/folder.py',
    '../_base_/schedules/folder_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    head=dict(
        num_classes={{_base_.data_preprocessor.num_classes}},
        groups={{_base_.num_groups}},
    )
)

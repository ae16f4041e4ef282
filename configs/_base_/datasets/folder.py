# Your own images: train/<class>/*.jpg and val/<class>/*.jpg in the folder that the
# environment variable DATA names. One device, 64 images a step.
_base_ = './imagenet-lt.py'

import os

from mmlt_plugin.datasets.image_folder import class_folders

data_root = os.path.expanduser(os.environ.get('DATA') or 'data/my_images')
classes = class_folders(data_root)
num_groups = min(3, len(classes))  # for ResLT

data_preprocessor = dict(num_classes=len(classes))
_folder = dict(
    _delete_=True, type='ImageFolderDataset', data_root=data_root, classes=classes
)
train_dataloader = dict(
    dataset=dict(split='train', pipeline={{_base_.train_pipeline}}, **_folder)
)
val_dataloader = dict(
    dataset=dict(split='val', pipeline={{_base_.test_pipeline}}, **_folder)
)
test_dataloader = val_dataloader

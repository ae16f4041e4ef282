# Places-LT for 4 devices with 32 images each; the papers report the test split.
_base_ = './imagenet-lt.py'

data_preprocessor = dict(num_classes=365)
_places = dict(type='PlacesLT', data_root='data/places')
train_dataloader = dict(batch_size=32, dataset=_places)
val_dataloader = dict(dataset=_places)
test_dataloader = val_dataloader

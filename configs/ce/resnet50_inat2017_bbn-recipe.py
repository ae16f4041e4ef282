_base_ = './resnet50_inat2018_bbn-recipe.py'

data_preprocessor = dict(num_classes=5089)
_inat2017 = dict(data_root='data/inat2017', year=2017)
train_dataloader = dict(dataset=_inat2017)
val_dataloader = dict(dataset=_inat2017)
test_dataloader = val_dataloader
model = dict(head=dict(num_classes=5089))

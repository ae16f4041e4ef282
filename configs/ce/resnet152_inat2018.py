# From the paper's supplement, without released code: 128 images a step, learning rate 0.05.
_base_ = './resnet50_inat2018.py'

train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=0.05))
auto_scale_lr = dict(base_batch_size=128)
model = dict(backbone=dict(depth=152))

# LFME's student on ImageNet-LT: 90 epochs of 256 images a step, x 0.1 at 50 and 80.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = dict(type='MultiStepLR', milestones=[50, 80], gamma=0.1)
train_cfg = dict(by_epoch=True, max_epochs=90, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)

# ResLT's CIFAR recipe: 200 epochs, warm-up over 5, x 0.1 at 160 and 180.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
)
param_scheduler = [
    # 0.0467, 0.06, 0.0733, 0.0867, 0.1: a third of 0.1 plus two thirds of the way.
    dict(type='LinearLR', start_factor=7 / 15, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[160, 180], gamma=0.1, by_epoch=True),
]
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=128)

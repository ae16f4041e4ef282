# RIDE's recipe for large data, 256 images a step: 100 epochs, warm-up over 5, x 0.1 at 60 and 80.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=2e-4, nesterov=True)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / 5, begin=0, end=5, by_epoch=True),
    dict(type='MultiStepLR', milestones=[60, 80], gamma=0.1, by_epoch=True),
]
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)

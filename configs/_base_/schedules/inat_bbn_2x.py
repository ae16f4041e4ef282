# BBN's released config: 180 epochs, x 0.1 after 120 and 160; alpha as if there were 200
# epochs. 128 uniform images a step.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
)
param_scheduler = dict(
    type='MultiStepLR', milestones=[120, 160], gamma=0.1, by_epoch=True
)
train_cfg = dict(by_epoch=True, max_epochs=180, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=128)
